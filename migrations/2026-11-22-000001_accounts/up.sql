-- What an account number is, and which transfer the rules allow.
--
-- account = organisation << 48 | wallet << 16 | unit << 8 | kind
--   organisation 1 to 32767; wallet 0 (the organisation's own) to 2^32 - 1
--   unit 1 EUR (cents), 2 MIN (minutes), 3 PNT (hundredths of a point)
--   kind: 1 to 4 a wallet's purses, 5 the shared buffer, 16 and above the organisation's
--
-- Every function here is immutable SQL of one expression, so that PostgreSQL inlines it into the CHECKs
-- of the hot path: no plan, no look-up, no call.

CREATE SCHEMA ledger;

CREATE FUNCTION ledger.organisation_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT account >> 48';

-- organisation << 32 | wallet: what the wallet table calls its id.
CREATE FUNCTION ledger.wallet_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT account >> 16';

CREATE FUNCTION ledger.wallet_number_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT (account >> 16) & 4294967295';

CREATE FUNCTION ledger.unit_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT (account >> 8) & 255';

CREATE FUNCTION ledger.kind_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT account & 255';

CREATE FUNCTION ledger.account(organisation bigint, wallet_number bigint, unit bigint, kind bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    AS 'SELECT (organisation << 48) | (wallet_number << 16) | (unit << 8) | kind';

-- Purses belong to a wallet, everything else to the organisation. Points come into being by exchange alone,
-- so wlz_funding (16) has no points; bank (64), cash (65) and receivable (67) are euros; minutes cannot be bought.
CREATE FUNCTION ledger.account_is_valid(account bigint) RETURNS boolean
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT account > 0
       AND account >> 48 > 0
       AND ((account & 255) BETWEEN 1 AND 4) = (((account >> 16) & 4294967295) <> 0)
       AND CASE account & 255
               WHEN 4 THEN ((account >> 8) & 255) IN (1, 3)
               WHEN 16 THEN ((account >> 8) & 255) IN (1, 2)
               WHEN 64 THEN ((account >> 8) & 255) = 1
               WHEN 65 THEN ((account >> 8) & 255) = 1
               WHEN 67 THEN ((account >> 8) & 255) = 1
               ELSE ((account >> 8) & 255) IN (1, 2, 3)
           END
$$;

-- The matrix of kinds and flows. tests/rules compares it, pair by pair, with the program's.
CREATE FUNCTION ledger.flow_allows(flow bigint, debit_kind bigint, credit_kind bigint) RETURNS boolean
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT CASE flow
        WHEN 1 THEN -- grant
            CASE debit_kind
                WHEN 16 THEN credit_kind IN (17, 18, 19, 20, 1, 2, 5) -- wlz_funding to overhead, collective, rounding, grant_exchange, budget, reserve, buffer
                WHEN 20 THEN credit_kind IN (1, 2, 5) -- grant_exchange to budget, reserve, buffer
                ELSE false
            END
        WHEN 2 THEN -- correction
            CASE debit_kind
                WHEN 16 THEN credit_kind IN (17, 18, 19, 20, 1, 2, 5) -- wlz_funding to overhead, collective, rounding, grant_exchange, budget, reserve, buffer
                WHEN 20 THEN credit_kind IN (1, 2, 5, 16) -- grant_exchange to budget, reserve, buffer, wlz_funding
                WHEN 17 THEN credit_kind IN (16) -- overhead to wlz_funding
                WHEN 18 THEN credit_kind IN (16) -- collective to wlz_funding
                WHEN 19 THEN credit_kind IN (16) -- rounding to wlz_funding
                WHEN 1 THEN credit_kind IN (16, 20) -- budget to wlz_funding, grant_exchange
                WHEN 2 THEN credit_kind IN (16, 20) -- reserve to wlz_funding, grant_exchange
                WHEN 5 THEN credit_kind IN (16, 20) -- buffer to wlz_funding, grant_exchange
                WHEN 48 THEN credit_kind IN (16, 20) -- care_overrun to wlz_funding, grant_exchange
                ELSE false
            END
        WHEN 3 THEN -- sale
            CASE debit_kind
                WHEN 1 THEN credit_kind IN (32, 33, 34, 35) -- budget to care_delivered, included_sales, activity_sales, extra_sales
                WHEN 3 THEN credit_kind IN (32, 34, 35) -- savings to care_delivered, activity_sales, extra_sales
                WHEN 2 THEN credit_kind IN (32) -- reserve to care_delivered
                WHEN 5 THEN credit_kind IN (32) -- buffer to care_delivered
                WHEN 18 THEN credit_kind IN (32) -- collective to care_delivered
                WHEN 48 THEN credit_kind IN (32) -- care_overrun to care_delivered
                WHEN 49 THEN credit_kind IN (33) -- included_overrun to included_sales
                WHEN 4 THEN credit_kind IN (34, 35, 36) -- credit to activity_sales, extra_sales, own_sales
                ELSE false
            END
        WHEN 4 THEN -- refund
            CASE debit_kind
                WHEN 32 THEN credit_kind IN (1, 3, 2, 5, 18, 48, 51) -- care_delivered to budget, savings, reserve, buffer, collective, care_overrun, lapsed
                WHEN 33 THEN credit_kind IN (1, 49, 51) -- included_sales to budget, included_overrun, lapsed
                WHEN 34 THEN credit_kind IN (1, 3, 4, 51, 66) -- activity_sales to budget, savings, credit, lapsed, payable
                WHEN 35 THEN credit_kind IN (1, 3, 4, 51, 66) -- extra_sales to budget, savings, credit, lapsed, payable
                WHEN 36 THEN credit_kind IN (4, 66) -- own_sales to credit, payable
                ELSE false
            END
        WHEN 5 THEN -- guest_sale
            CASE debit_kind
                WHEN 64 THEN credit_kind IN (34, 35, 36) -- bank to activity_sales, extra_sales, own_sales
                WHEN 65 THEN credit_kind IN (34, 35, 36) -- cash to activity_sales, extra_sales, own_sales
                ELSE false
            END
        WHEN 6 THEN -- guest_refund
            CASE debit_kind
                WHEN 34 THEN credit_kind IN (64, 65) -- activity_sales to bank, cash
                WHEN 35 THEN credit_kind IN (64, 65) -- extra_sales to bank, cash
                WHEN 36 THEN credit_kind IN (64, 65) -- own_sales to bank, cash
                ELSE false
            END
        WHEN 7 THEN -- top_up
            CASE debit_kind
                WHEN 64 THEN credit_kind IN (4) -- bank to credit
                WHEN 65 THEN credit_kind IN (4) -- cash to credit
                ELSE false
            END
        WHEN 8 THEN -- top_up_reversal
            CASE debit_kind
                WHEN 4 THEN credit_kind IN (64, 65) -- credit to bank, cash
                WHEN 67 THEN credit_kind IN (64, 65) -- receivable to bank, cash
                ELSE false
            END
        WHEN 9 THEN -- settle
            CASE debit_kind
                WHEN 4 THEN credit_kind IN (67, 50) -- credit to receivable, offline_loss
                WHEN 64 THEN credit_kind IN (67) -- bank to receivable
                WHEN 65 THEN credit_kind IN (67) -- cash to receivable
                ELSE false
            END
        WHEN 10 THEN -- payout
            CASE debit_kind
                WHEN 4 THEN credit_kind IN (66) -- credit to payable
                WHEN 66 THEN credit_kind IN (64, 65) -- payable to bank, cash
                ELSE false
            END
        WHEN 11 THEN -- exchange
            CASE debit_kind
                WHEN 4 THEN credit_kind IN (21) -- credit to own_exchange
                WHEN 21 THEN credit_kind IN (4) -- own_exchange to credit
                ELSE false
            END
        WHEN 12 THEN -- save
            CASE debit_kind
                WHEN 1 THEN credit_kind IN (3) -- budget to savings
                WHEN 2 THEN credit_kind IN (3) -- reserve to savings
                ELSE false
            END
        WHEN 13 THEN -- lapse
            CASE debit_kind
                WHEN 1 THEN credit_kind IN (51) -- budget to lapsed
                WHEN 2 THEN credit_kind IN (51) -- reserve to lapsed
                WHEN 3 THEN credit_kind IN (51) -- savings to lapsed
                ELSE false
            END
        WHEN 14 THEN -- offline_loss
            CASE debit_kind
                WHEN 50 THEN credit_kind IN (34, 35, 36) -- offline_loss to activity_sales, extra_sales, own_sales
                ELSE false
            END
        ELSE false
    END
$$;

-- The month of a UUIDv7 as the least id of that month: the bound of a partition.
CREATE FUNCTION ledger.month_floor(month date) RETURNS uuid
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM date_trunc('month', month::timestamp)) * 1000)::bigint), 12, '0')
            || '00000000000000000000')::uuid
$$;
