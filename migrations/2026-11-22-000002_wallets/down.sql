DROP TABLE price, price_list, payout_approval, payout, month_phase, hold, card, buffer_draw, shared_buffer, wallet, scheme, location, organisation;
DROP SEQUENCE wallet_number;
DROP FUNCTION refuse_price_list_change();
DROP FUNCTION ledger.refuse_change();
