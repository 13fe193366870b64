//! The values of one tensor, in memory or in a mapped file.

use std::ops::Deref;
use std::sync::Arc;

use memmap2::Mmap;

/// Shared by clones.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Owned(Arc<Vec<f32>>),
    Mapped {
        file: Arc<Mmap>,
        /// In bytes; a multiple of four.
        start: usize,
        end: usize,
    },
}

impl Values {
    /// `data` as it lies in `file`; `None` where it is no part of it or not aligned.
    pub(super) fn mapped(file: &Arc<Mmap>, data: &[u8]) -> Option<Self> {
        let start = data.as_ptr().addr().checked_sub(file.as_ptr().addr())?;
        let end = start.checked_add(data.len())?;
        bytemuck::try_cast_slice::<u8, f32>(file.get(start..end)?).ok()?;
        Some(Self::Mapped { file: Arc::clone(file), start, end })
    }

    #[cfg(test)]
    pub(super) fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped { .. })
    }
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self::Owned(Arc::new(values))
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Owned(values) => values,
            // Range and alignment were checked when it was made.
            Self::Mapped { file, start, end } => bytemuck::cast_slice(&file[*start..*end]),
        }
    }
}
