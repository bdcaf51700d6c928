use futures_util::future::join_all;
use handstamp_core::cookie::VerifiedCookie;

use super::RequestSession;
use super::absence::Absence;
use super::loaded::{LoadedSession, Origin};
use crate::{SessionData, SessionError};

impl<T: SessionData> RequestSession<T> {
    /// Chooses one of several valid cookies: the one whose session is alive, if there is exactly one. If there are two, the visitor
    /// cannot be determined.
    pub(super) async fn disambiguate(
        &self,
        cookies: &[VerifiedCookie],
    ) -> Result<LoadedSession<T>, SessionError> {
        let now = self.shared.now();
        let find = async |cookie| match self.shared.store().lookup(&self.key_of(cookie), now) {
            Some(lookup) => Ok(Origin::of(lookup)),
            None => self.load_origin(cookie).await,
        };
        let found = join_all(cookies.iter().map(find)).await;
        let mut alive = Vec::new();
        let mut absence = Absence::NoTrace;
        for (cookie, origin) in cookies.iter().zip(found) {
            match origin? {
                Origin::Missing(Absence::NoTrace) => {}
                Origin::Missing(late) => absence = late,
                unknown @ Origin::Unknown(_) => return Ok(self.loaded(unknown)),
                origin @ (Origin::Found(_) | Origin::Unusable(_)) => alive.push((cookie, origin)),
            }
        }
        let mut alive = alive.into_iter();
        Ok(match (alive.next(), alive.next()) {
            (Some((cookie, origin)), None) => {
                let others = cookies.iter().filter(|other| other.id != cookie.id).cloned().collect();
                LoadedSession::new(Some(cookie.clone()), others, origin)
            }
            (None, _) => self.loaded(Origin::Missing(absence)),
            (Some(_), Some(_)) => self.loaded(Origin::Missing(Absence::NoTrace)),
        })
    }
}
