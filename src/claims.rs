//! Output folders while they are being filled. An interrupt (Ctrl-C, SIGTERM) removes what is not complete.

use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use results::OutputDir;

use crate::failure::Failure;

/// Exit code after an interrupt, as shells give it for SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// A folder that is claimed and not finished; taken out of it when it is finished or given up.
type Slot = Arc<Mutex<Option<OutputDir>>>;

/// All folders that were claimed in this process.
static CLAIMED: Mutex<Vec<Slot>> = Mutex::new(Vec::new());

/// Whether something runs that looks at [`STOP`].
static STOPPABLE: AtomicBool = AtomicBool::new(false);
/// Set by the first interrupt while [`STOPPABLE`] is.
static STOP: AtomicBool = AtomicBool::new(false);

/// From now on the first interrupt sets this flag instead of ending the process; the second one ends it.
pub(crate) fn stop_on_interrupt() -> &'static AtomicBool {
    STOPPABLE.store(true, Ordering::Relaxed);
    &STOP
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a lock guards here is whole or absent at any time, also after a panic elsewhere.
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on an interrupt removes the folders that are not complete, and ends the process.
pub(crate) fn clean_up_on_interrupt() {
    // Without a handler an interrupt ends the process at once, and the next run clears up after it.
    let _ = ctrlc::set_handler(|| {
        // Work that can end by itself is asked to, once.
        if STOPPABLE.load(Ordering::Relaxed) && !STOP.swap(true, Ordering::Relaxed) {
            return;
        }
        // Whoever waits for these locks afterwards finds its folder gone, or waits until the process ends.
        let slots = lock(&CLAIMED);
        give_up(&slots);
        process::exit(INTERRUPTED.into());
    });
}

/// Drops the folders, the last one first: the first one may have made their common parent.
fn give_up(slots: &[Slot]) {
    for slot in slots.iter().rev() {
        drop(lock(slot).take());
    }
}

/// Folders that are claimed before the work begins, so that a mistake in `-o` costs no time.
#[derive(Debug, Default)]
pub(crate) struct Claims(Vec<Slot>);

impl Claims {
    /// Claims all `targets`, or none of them.
    ///
    /// # Errors
    /// The first target that exists, is being written, or cannot be made.
    pub(crate) fn new(targets: &[PathBuf]) -> Result<Self, Failure> {
        let mut claims = Self::default();
        for target in targets {
            // The list stays locked, so that an interrupt between the claim and its entry cannot miss it.
            let mut all = lock(&CLAIMED);
            let slot = Arc::new(Mutex::new(Some(OutputDir::create(target)?)));
            all.push(Arc::clone(&slot));
            claims.0.push(slot);
        }
        Ok(claims)
    }

    /// Fills the folder number `at` through `write` and gives it its name.
    ///
    /// # Errors
    /// What `write` returns, or why the folder could not get its name; it is removed then.
    pub(crate) fn fill(
        &self,
        at: usize,
        write: impl FnOnce(&OutputDir) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let slot = self.0.get(at).ok_or(Failure::Interrupted)?;
        let mut held = lock(slot);
        let dir = held.take().ok_or(Failure::Interrupted)?;
        write(&dir)?;
        Ok(dir.commit()?)
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        give_up(&self.0);
    }
}
