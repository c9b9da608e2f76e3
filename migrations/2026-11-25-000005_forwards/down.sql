DROP TABLE review;
DROP FUNCTION refuse_review_change();
DROP TABLE forward;
DROP FUNCTION refuse_forward_change();
