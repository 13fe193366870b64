//! The bytes of a stream: buffers of files and of batches.

/// What is taken of a stream's byte budget. Free buffers count: they are memory as well.
#[derive(Debug)]
pub(super) struct Budget {
    total: u64,
    /// Bytes of one batch.
    batch: u64,
    /// Buffers of batches that may be there whatever the budget: those ahead of the consumer, and one that it holds.
    least: u64,
    /// Buffers of batches that are there, those that the consumer keeps too.
    batches: u64,
    /// Bytes of buffers for files.
    files: u64,
}

impl Budget {
    pub(super) fn new(total: u64, batch: usize, prefetch: usize) -> Self {
        Self { total, batch: batch as u64, least: prefetch as u64 + 1, batches: 0, files: 0 }
    }

    pub(super) fn used(&self) -> u64 {
        self.batches * self.batch + self.files
    }

    /// Whether another batch's buffer may be made. Batches leave an eighth of the budget for files.
    pub(super) fn has_room_for_batch(&self) -> bool {
        let files = self.files.max(self.total / 8);
        self.batches < self.least || (self.batches + 1) * self.batch + files <= self.total
    }

    /// Whether a buffer of so many bytes may be made for a file. Files leave room for the batches that are to be ahead,
    /// but for their eighth.
    pub(super) fn has_room_for_file(&self, bytes: u64) -> bool {
        let batches = self.batches.max(self.least) * self.batch;
        self.files + bytes <= self.total.saturating_sub(batches).max(self.total / 8)
    }

    pub(super) fn add_batch(&mut self) {
        self.batches += 1;
    }

    pub(super) fn remove_batch(&mut self) {
        self.batches = self.batches.saturating_sub(1);
    }

    pub(super) fn add_file(&mut self, bytes: usize) {
        self.files += bytes as u64;
    }

    pub(super) fn remove_file(&mut self, bytes: usize) {
        self.files = self.files.saturating_sub(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_batches_share_one_budget() {
        let mut budget = Budget::new(1000, 100, 2);
        assert!(budget.has_room_for_file(700) && !budget.has_room_for_file(701), "three batches are left room for");
        budget.add_file(650);
        for _ in 0..3 {
            assert!(budget.has_room_for_batch());
            budget.add_batch();
        }
        assert!(!budget.has_room_for_batch(), "a fourth is beyond the budget");
        budget.remove_file(650);
        for _ in 3..8 {
            assert!(budget.has_room_for_batch());
            budget.add_batch();
        }
        assert!(!budget.has_room_for_batch());
        assert!(budget.has_room_for_file(200), "an eighth in any case");
        assert!(!budget.has_room_for_file(201));
        budget.remove_batch();
        assert!(budget.has_room_for_batch());
    }
}
