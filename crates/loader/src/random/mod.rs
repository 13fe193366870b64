//! Where draws come from: keyed streams, or a replay of numpy's.

mod keras3;
mod keyed;
mod mt19937;

pub(crate) use keras3::{Keras3Draws, file_hash};
pub(crate) use keyed::{Domain, KeyedRng};
pub(crate) use mt19937::Mt19937;
