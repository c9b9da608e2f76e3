//! Scripts to cards.

use card_protocol::script::Change;
use diesel_async::SimpleAsyncConnection;
use pasje::db::card_scripts;
use pasje::domain::card_script::{Queued, queue};
use uuid::Uuid;

use super::History;

impl History {
    async fn tell(&mut self, card: Uuid, change: Change) {
        let scripts = card_scripts::of_card(&self.conn, card).await.unwrap();
        let waiting: Vec<Queued> = scripts.iter().filter(|row| row.is_waiting()).map(|row| row.script).collect();
        let last = scripts.last().map_or(0, |row| row.script.number);
        let plan = queue(last, &waiting, change).unwrap();
        card_scripts::insert(&mut self.conn, card, &plan).await.unwrap();
    }

    /// Card 1: limits (1) were said again (3) behind a reset (2), and both came; limits (4) and an activation (5) were said again
    /// (7, 8) behind a reset (6). Card 2 is to block itself.
    pub(super) async fn card_scripts(&mut self) {
        self.conn.batch_execute("INSERT INTO key_generation (generation) VALUES (1), (2)").await.unwrap();
        let (card, blocked) = (Uuid::from_u128(0xca4d_0001), Uuid::from_u128(0xca4d_0002));
        let limits = |tap_cents| Change::Limits { tap_cents, total_cents: 5000, count: 5 };
        self.tell(card, limits(1000)).await;
        self.tell(card, Change::ResetOffline).await;
        card_scripts::confirm(&mut self.conn, &[(card, 3)]).await.unwrap();
        for change in [limits(2000), Change::ActivateGeneration(2), Change::ResetOffline] {
            self.tell(card, change).await;
        }
        self.tell(blocked, Change::Block).await;
        let scripts = card_scripts::of_card(&self.conn, card).await.unwrap();
        let waiting: Vec<u32> = scripts.iter().filter(|row| row.is_waiting()).map(|row| row.script.number).collect();
        assert_eq!((scripts.len(), waiting), (8, vec![6, 7, 8]));
    }
}
