//! VERIFY: the card checks the PIN of who holds it.

use card_protocol::frame::{self, AnswerFrame, Status};
use card_protocol::pin::{PIN_TRIES, PinBlock};

use super::{Card, CardState, Memory, status};

impl<M: Memory> Card<M> {
    /// The try is used up, in permanent memory, before the PIN is compared: who pulls the card away on hearing that it
    /// was wrong, or sees so by how long it takes, has had the try all the same.
    pub(super) fn verify(&mut self, data: &[u8]) -> Result<AnswerFrame, Status> {
        let tried = PinBlock::decode(data).map_err(status)?;
        let pin = self.identity()?.pin.clone().ok_or(Status::NO_PIN)?;
        self.is_verified = false;
        let tries_left = self.state.pin_tries_left.checked_sub(1).ok_or(Status::PIN_BLOCKED)?;
        self.commit(CardState { pin_tries_left: tries_left, ..self.state })?;
        if !pin.is(&tried) {
            return Err(Status::pin_wrong(tries_left));
        }
        self.commit(CardState { pin_tries_left: PIN_TRIES, ..self.state })?;
        self.is_verified = true;
        Ok(frame::answer(&[], Status::OK))
    }
}
