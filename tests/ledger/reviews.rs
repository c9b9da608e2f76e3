//! The review queue in the database: what a review is of, opened once, ended once.

use diesel_async::SimpleAsyncConnection;
use pasje::db::reviews::{self, NewReview};
use pasje::domain::operation::OperationId;
use pasje::domain::review::{ReviewWhy, Settlement};
use pasje::services::reviews::{ReviewError, Word, handle, settle_from_own_money, write_off};

use crate::fixture::{Restaurant, id, terminal};

async fn open_capture(restaurant: &Restaurant, capture: OperationId) {
    let conn = restaurant.database.connection().await.unwrap();
    let at = terminal();
    reviews::open_of_capture(&conn, at.organisation, at.id, capture, b"[[0,1]]".to_vec()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_of_a_record_or_of_a_capture_and_opened_once() {
    let restaurant = Restaurant::open().await;
    let (one, other) = (id(), id());
    for capture in [one, other, one] {
        open_capture(&restaurant, capture).await;
    }
    let conn = restaurant.database.connection().await.unwrap();
    let new = NewReview { sequence: 1, why: ReviewWhy::Declined, operation: Some(one), loss: None, record: None };
    for _ in 0..2 {
        reviews::open(&conn, terminal().organisation, terminal().id, std::slice::from_ref(&new)).await.unwrap();
    }
    let open = reviews::list(&conn, false).await.unwrap();
    let of: Vec<_> = open.iter().map(|review| (review.sequence, review.why, review.operation)).collect();
    let (capture, record) = (ReviewWhy::CaptureDeclined, ReviewWhy::Declined);
    assert_eq!(of, [(None, capture, Some(one)), (None, capture, Some(other)), (Some(1), record, Some(one))]);
    // whatever the program does, the table knows which is which
    for (sequence, why, operation) in
        [("NULL", 3, "gen_random_uuid()"), ("7", 13, "gen_random_uuid()"), ("NULL", 13, "NULL")]
    {
        let sql = format!(
            "INSERT INTO review (organisation, terminal, sequence, why, operation, record) \
             VALUES (1, gen_random_uuid(), {sequence}, {why}, {operation}, 'x')"
        );
        let error = restaurant.owner().await.batch_execute(&sql).await.unwrap_err();
        assert!(error.to_string().contains("review_of_capture"), "{sql}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_that_nobody_paid_is_ended_as_handled_and_never_changed() {
    let restaurant = Restaurant::open().await;
    let database = &restaurant.database;
    open_capture(&restaurant, id()).await;
    let conn = database.connection().await.unwrap();
    let review = reviews::list(&conn, false).await.unwrap().remove(0).id;
    let word = Word { by: "office".to_owned(), reason: "paid at the desk".to_owned() };
    assert!(matches!(write_off(database, review, &word).await, Err(ReviewError::NoLoss(_))));
    assert!(matches!(settle_from_own_money(database, review, Some(1), &word).await, Err(ReviewError::NoLoss(_))));
    let change = |what: &'static str| {
        let restaurant = &restaurant;
        async move { restaurant.owner().await.batch_execute(what).await.is_ok() }
    };
    for refused in ["UPDATE review SET record = 'x'", "UPDATE review SET sequence = 1, why = 3", "DELETE FROM review"] {
        assert!(!change(refused).await, "{refused}");
    }
    handle(database, review, &word).await.unwrap();
    assert!(matches!(handle(database, review, &word).await, Err(ReviewError::Settled(_))));
    let settled = reviews::find(&conn, review).await.unwrap().unwrap().settled.unwrap();
    assert_eq!((settled.how, settled.reason), (Settlement::Handled, "paid at the desk".to_owned()));
    assert!(!change("UPDATE review SET reason = 'x'").await);
}
