//! Until when a terminal keeps asking how a sale ended.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// Says when to stop asking.
#[derive(Debug)]
pub struct StopAsking(watch::Sender<Option<Instant>>);

/// Is told when to stop asking.
#[derive(Clone, Debug)]
pub struct GiveUp(watch::Receiver<Option<Instant>>);

/// Both ends. Until it is said otherwise, nobody stops.
pub fn give_up() -> (StopAsking, GiveUp) {
    let (sender, receiver) = watch::channel(None);
    (StopAsking(sender), GiveUp(receiver))
}

impl StopAsking {
    /// Those who still ask stop after this long.
    pub fn stop_after(&self, wait: Duration) {
        self.0.send_replace(Some(Instant::now() + wait));
    }
}

impl GiveUp {
    /// Waits; false if it is time to stop first.
    pub async fn wait(&mut self, span: Duration) -> bool {
        let stop = async {
            loop {
                let at = *self.0.borrow_and_update();
                let changed = async {
                    if self.0.changed().await.is_err() {
                        // nobody is left who could say so
                        std::future::pending::<()>().await;
                    }
                };
                match at {
                    None => changed.await,
                    Some(at) => {
                        tokio::select! {
                            () = sleep_until(at) => return,
                            () = changed => {}
                        }
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = stop => false,
            () = sleep(span) => true,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_stopped_at_the_time_that_was_said_and_not_before() {
        let (stop, mut give_up) = give_up();
        assert!(give_up.wait(Duration::from_millis(1)).await);
        stop.stop_after(Duration::from_millis(20));
        assert!(give_up.wait(Duration::from_millis(1)).await);
        assert!(!give_up.wait(Duration::from_secs(60)).await);
        assert!(!give_up.wait(Duration::from_millis(1)).await);
    }
}
