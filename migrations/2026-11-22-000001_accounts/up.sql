-- What an account number is, and which transfer the rules allow.
--
-- account = organisation << 48 | wallet << 16 | unit << 8 | kind
--   organisation 1 to 32767; wallet 0 (the organisation's own) to 2^32 - 1
--   unit 1 EUR (cents), 2 MIN (minutes), 3 PNT (hundredths of a point)
--   kind: 1 to 4 a wallet's purses, 5 the shared buffer, 16 and above the organisation's
--
-- Every function here is one immutable expression, which PostgreSQL inlines: no look-up, no call. RETURN keeps it
-- parsed; a quoted body would be parsed anew by each statement.

CREATE SCHEMA ledger;

CREATE FUNCTION ledger.organisation_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE RETURN account >> 48;

-- organisation << 32 | wallet: what the wallet table calls its id.
CREATE FUNCTION ledger.wallet_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE RETURN account >> 16;

CREATE FUNCTION ledger.wallet_number_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE RETURN (account >> 16) & 4294967295;

CREATE FUNCTION ledger.unit_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE RETURN (account >> 8) & 255;

CREATE FUNCTION ledger.kind_of(account bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE RETURN account & 255;

CREATE FUNCTION ledger.account(organisation bigint, wallet_number bigint, unit bigint, kind bigint) RETURNS bigint
    IMMUTABLE PARALLEL SAFE RETURN (organisation << 48) | (wallet_number << 16) | (unit << 8) | kind;

-- The CHECKs of the transfer table compare with constant arrays, which PostgreSQL hashes once a statement. A CASE over
-- flows and kinds reads better and costs each insert 0.4 ms before its first row, as much as seventy rows of a batch.
-- So the tables below are the readable form, and the arrays are made from them here, once.

-- Which kinds may be counted in which units, as unit << 8 | kind. Points come into being by exchange alone, so
-- wlz_funding (16) has no points; bank (64), cash (65) and receivable (67) are euros; minutes cannot be bought (4).
-- Which flows may debit and credit which kinds, as flow << 16 | debit kind << 8 | credit kind: the matrix. tests/ledger
-- compares it with the program's, pair by pair.
DO $make$
DECLARE
    units bigint[];
    pairs bigint[];
BEGIN
    SELECT array_agg(unit << 8 | kind ORDER BY unit, kind) INTO units
    FROM (VALUES
            ('{1,2,3}'::bigint[], '{1,2,3,5,17,18,19,20,21,32,33,34,35,36,48,49,50,51,66}'::bigint[]),
            ('{1,3}', '{4}'),
            ('{1,2}', '{16}'),
            ('{1}', '{64,65,67}')
        ) AS rule (units, kinds), unnest(rule.units) AS unit, unnest(rule.kinds) AS kind;

    SELECT array_agg((flow << 16) | (debit << 8) | credit ORDER BY flow, debit, credit) INTO pairs
    FROM (VALUES
            (1, 16, '{17,18,19,20,1,2,5}'),                  -- grant: wlz_funding to overhead, collective, rounding, grant_exchange, budget, reserve, buffer
            (1, 20, '{1,2,5}'),                              -- grant: grant_exchange to budget, reserve, buffer
            (2, 16, '{17,18,19,20,1,2,5}'),                  -- correction: wlz_funding to overhead, collective, rounding, grant_exchange, budget, reserve, buffer
            (2, 20, '{1,2,5,16}'),                           -- correction: grant_exchange to budget, reserve, buffer, wlz_funding
            (2, 17, '{16}'),                                 -- correction: overhead to wlz_funding
            (2, 18, '{16}'),                                 -- correction: collective to wlz_funding
            (2, 19, '{16}'),                                 -- correction: rounding to wlz_funding
            (2, 1, '{16,20}'),                               -- correction: budget to wlz_funding, grant_exchange
            (2, 2, '{16,20}'),                               -- correction: reserve to wlz_funding, grant_exchange
            (2, 5, '{16,20}'),                               -- correction: buffer to wlz_funding, grant_exchange
            (2, 48, '{16,20}'),                              -- correction: care_overrun to wlz_funding, grant_exchange
            (3, 1, '{32,33,34,35}'),                         -- sale: budget to care_delivered, included_sales, activity_sales, extra_sales
            (3, 3, '{32,34,35}'),                            -- sale: savings to care_delivered, activity_sales, extra_sales
            (3, 2, '{32}'),                                  -- sale: reserve to care_delivered
            (3, 5, '{32}'),                                  -- sale: buffer to care_delivered
            (3, 18, '{32}'),                                 -- sale: collective to care_delivered
            (3, 48, '{32}'),                                 -- sale: care_overrun to care_delivered
            (3, 49, '{33}'),                                 -- sale: included_overrun to included_sales
            (3, 4, '{34,35,36}'),                            -- sale: credit to activity_sales, extra_sales, own_sales
            (4, 32, '{1,3,2,5,18,48,51}'),                   -- refund: care_delivered to budget, savings, reserve, buffer, collective, care_overrun, lapsed
            (4, 33, '{1,49,51}'),                            -- refund: included_sales to budget, included_overrun, lapsed
            (4, 34, '{1,3,4,51,66}'),                        -- refund: activity_sales to budget, savings, credit, lapsed, payable
            (4, 35, '{1,3,4,51,66}'),                        -- refund: extra_sales to budget, savings, credit, lapsed, payable
            (4, 36, '{4,66}'),                               -- refund: own_sales to credit, payable
            (5, 64, '{34,35,36}'),                           -- guest_sale: bank to activity_sales, extra_sales, own_sales
            (5, 65, '{34,35,36}'),                           -- guest_sale: cash to activity_sales, extra_sales, own_sales
            (6, 34, '{64,65}'),                              -- guest_refund: activity_sales to bank, cash
            (6, 35, '{64,65}'),                              -- guest_refund: extra_sales to bank, cash
            (6, 36, '{64,65}'),                              -- guest_refund: own_sales to bank, cash
            (7, 64, '{4}'),                                  -- top_up: bank to credit
            (7, 65, '{4}'),                                  -- top_up: cash to credit
            (8, 4, '{64,65}'),                               -- top_up_reversal: credit to bank, cash
            (8, 67, '{64,65}'),                              -- top_up_reversal: receivable to bank, cash
            (9, 4, '{67,50}'),                               -- settle: credit to receivable, offline_loss
            (9, 64, '{67}'),                                 -- settle: bank to receivable
            (9, 65, '{67}'),                                 -- settle: cash to receivable
            (10, 4, '{66}'),                                 -- payout: credit to payable
            (10, 66, '{64,65}'),                             -- payout: payable to bank, cash
            (11, 4, '{21}'),                                 -- exchange: credit to own_exchange
            (11, 21, '{4}'),                                 -- exchange: own_exchange to credit
            (12, 1, '{3}'),                                  -- save: budget to savings
            (12, 2, '{3}'),                                  -- save: reserve to savings
            (13, 1, '{51}'),                                 -- lapse: budget to lapsed
            (13, 2, '{51}'),                                 -- lapse: reserve to lapsed
            (13, 3, '{51}'),                                 -- lapse: savings to lapsed
            (14, 50, '{34,35,36}')                          -- offline_loss: offline_loss to activity_sales, extra_sales, own_sales
        ) AS rule (flow, debit, credits), unnest(rule.credits::bigint[]) AS credit;

    EXECUTE format('CREATE FUNCTION ledger.valid_units() RETURNS bigint[]
        IMMUTABLE PARALLEL SAFE RETURN %L::bigint[]', units);
    EXECUTE format('CREATE FUNCTION ledger.valid_pairs() RETURNS bigint[]
        IMMUTABLE PARALLEL SAFE RETURN %L::bigint[]', pairs);
END
$make$;

-- Kinds 1 to 4 are purses and belong to a wallet; every other account has wallet number 0.
CREATE FUNCTION ledger.account_is_valid(account bigint) RETURNS boolean
    IMMUTABLE PARALLEL SAFE RETURN account >> 48 > 0
       AND ((account & 255) BETWEEN 1 AND 4) = (((account >> 16) & 4294967295) <> 0)
       AND (account & 65535) = ANY (ledger.valid_units());

CREATE FUNCTION ledger.flow_allows(flow bigint, debit_kind bigint, credit_kind bigint) RETURNS boolean
    IMMUTABLE PARALLEL SAFE RETURN ((flow << 16) | (debit_kind << 8) | credit_kind) = ANY (ledger.valid_pairs());

-- The month of a UUIDv7 as the least id of that month: the bound of a partition.
CREATE FUNCTION ledger.month_floor(month date) RETURNS uuid
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM date_trunc('month', month::timestamp)) * 1000)::bigint), 12, '0')
            || '00000000000000000000')::uuid
$$;
