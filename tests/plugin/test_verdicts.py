from __future__ import annotations
def test_pass(project):
    """x"""
    result = project.run()
    print(result.outlines)
    assert result.ret == 0
    assert project.statuses() == {}
def test_each(project):
    for d in "load each".split():
        r = project.run("-n", "2", "--dist", d)
        print(r.ret, project.folders(), [f.name for p in project.folders() for f in p.iterdir()])
    assert 0
def test_here(project):
    result = project.run_here()
    assert result.ret == 0
    assert 0
