"""The words of the payments API: which fields a payment body may have, which currencies exist.

Interface facts of the emulated release, held against its published description by a test.
"""

from __future__ import annotations

MERCHANT_ID = "merchant_paygate_sandbox"
PROFILE_ID = "pro_PaygateSandbox000000"
CONNECTOR = "stripe"
CONNECTOR_ID = "mca_PaygateSandbox000000"

# fmt: off
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
    HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP TRY
    TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
    """.split()  # noqa: SIM905 - a word list reads better than one line per word
)

PAYMENT_FIELDS = frozenset(
    """
    all_keys_required allowed_payment_method_types amount amount_to_capture authentication_type billing
    billing_descriptor browser_info business_country business_label capture_method client_secret confirm connector
    connector_metadata ctp_service_details currency customer customer_acceptance customer_id description
    discount_amount duty_amount enable_overcapture enable_partial_authorization force_3ds_challenge frm_metadata
    installment_options is_iframe_redirection_enabled is_stored_credential mandate_data mandate_id
    merchant_connector_details merchant_order_reference_id metadata mit_category off_session order_date
    order_details order_tax_amount partner_merchant_identifier_details payment_channel payment_experience payment_id
    payment_link payment_link_config payment_link_config_id payment_method payment_method_data payment_method_type
    payment_token payment_type profile_id psd2_sca_exemption_type recurring_details request_extended_authorization
    request_external_three_ds_authentication request_incremental_authorization retry_action return_url routing
    session_expiry setup_future_usage shipping shipping_amount_tax shipping_cost skip_external_tax_calculation
    split_payments statement_descriptor_name statement_descriptor_suffix surcharge_details tax_status three_ds_data
    threeds_method_comp_ind tokenization
    """.split()  # noqa: SIM905 - a word list reads better than one line per word
)
# fmt: on
