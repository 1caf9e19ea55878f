#!/usr/bin/env bash
# The nine steps as people do them by hand today: bash, curl and jq, no evidence. Reads a sandbox description from stdin.
set -eu
description=$(cat)
value() { printf '%s' "$description" | jq -r ".$1"; }
api=$(value api_url)
json='content-type: application/json'
curl -sf "$api/health" >/dev/null
curl -sf "$api/status" >/dev/null
token=$(curl -sf "$api/auth/login" -H "$json" \
  -d "{\"email\":\"$(value buyer_email)\",\"password\":\"$(value buyer_password)\"}" | jq -r .data.access_token)
auth="authorization: Bearer $token"
product=$(curl -sf "$api/marketplace/products" -H "$auth" | jq -r '.data[0].id')
order=$(curl -sf "$api/orders" -H "$auth" -H "$json" -H "idempotency-key: $$-$RANDOM-$RANDOM" -d "{\"product_id\":\"$product\"}")
id=$(printf '%s' "$order" | jq -r .data.order_id)
url=$(printf '%s' "$order" | jq -r .data.payment_url)
cookies=$(mktemp)
page=$(curl -sf -c "$cookies" "$url")
form_token=$(printf '%s' "$page" | sed -n 's/.*name="form_token" value="\([^"]*\)".*/\1/p' | head -n 1)
curl -sf -b "$cookies" "$url" -o /dev/null --data-urlencode "form_token=$form_token" \
  -d number=4242424242424242 -d 'expiry=12 / 34' -d cvc=123 -d name=Script
rm -f "$cookies"
until [ "$(curl -sf "$api/orders/$id" -H "$auth" | jq -r .data.status)" = completed ]; do sleep "${POLL_SECONDS:-1}"; done
curl -sf "$api/licenses/mine" -H "$auth" | jq -e ".data[] | select(.order_id == \"$id\")" >/dev/null
psql "$(value marketplace_read_only_dsn)" -Atc "SELECT stripe_transfer_id FROM seller_transfers WHERE order_id = '$id'" | grep -q tr_
curl -sf "$api/orders/$id/refund" -H "$auth" -H "$json" -d '{"reason":"requested_by_customer"}' >/dev/null
until [ "$(curl -sf "$api/orders/$id" -H "$auth" | jq -r .data.status)" = refunded ]; do sleep "${POLL_SECONDS:-1}"; done
[ -z "$(curl -sf "$api/licenses/mine" -H "$auth" | jq -r ".data[] | select(.order_id == \"$id\") | .order_id")" ]
