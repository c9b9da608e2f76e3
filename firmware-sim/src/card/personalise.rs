//! PUT DATA: how a blank card becomes somebody's.
//!
//! The keys that are put stay in fleeting memory until the last record ends it with one write: a card that is pulled away
//! before is as blank as it was, and one that is not blank is whole.

use card_protocol::frame::{self, AnswerFrame, Status};
use card_protocol::personalise::{GENERATIONS_MAX, Personalise, PutKeys};

use super::{Card, CardState, Generation, Identity, Memory, OfflineLimits, status};

impl<M: Memory> Card<M> {
    pub(super) fn put_data(&mut self, parameters: [u8; 2], data: &[u8]) -> Result<AnswerFrame, Status> {
        if self.identity.is_some() {
            return Err(Status::NOT_NOW);
        }
        match parameters {
            [PutKeys::TAG, generation] => self.put_keys(&PutKeys::decode(generation, data).map_err(status)?)?,
            _ => self.personalise(Personalise::decode(data).map_err(status)?)?,
        }
        Ok(frame::answer(&[], Status::OK))
    }

    /// Keys of a generation that was put before are replaced.
    fn put_keys(&mut self, record: &PutKeys) -> Result<(), Status> {
        let PutKeys { generation: number, keys } = record.clone();
        let has_room = self.put.len() < GENERATIONS_MAX;
        match self.put.iter_mut().find(|put| put.number == number) {
            Some(put) => put.keys = keys,
            None if has_room => self.put.push(Generation { number, keys }),
            None => return Err(Status::WRONG_DATA),
        }
        Ok(())
    }

    fn personalise(&mut self, record: Personalise) -> Result<(), Status> {
        let Personalise { card, generation, tap_limit_cents, total_limit_cents, count_limit, pin } = record;
        let identity = Identity { card, generations: self.put.clone(), pin };
        if identity.keys_of(generation).is_none() {
            return Err(Status::WRONG_DATA);
        }
        let limits = OfflineLimits { tap_cents: tap_limit_cents, total_cents: total_limit_cents, count: count_limit };
        let state = CardState { limits, ..CardState::new(generation) };
        let kept = self.memory.personalise(&identity, &state);
        self.kept(kept)?;
        (self.identity, self.state) = (Some(identity), state);
        self.put.clear();
        Ok(())
    }
}
