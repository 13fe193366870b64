//! Buffers for files, used again and again.

/// A file's bytes.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Content {
    buffer: Vec<u8>,
    len: usize,
}

impl Content {
    /// The first `len` bytes of a buffer.
    pub(in crate::pipeline) fn new(buffer: Vec<u8>, len: usize) -> Self {
        Self { buffer, len }
    }

    pub(in crate::pipeline) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// Buffers that wait for their next file. Their length is their capacity.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// By size, smallest first.
    spare: Vec<Vec<u8>>,
    /// The largest of the last files, in bytes.
    peak: usize,
}

/// The finest step of a buffer's size, in bytes.
const STEP: usize = 4096;

/// A buffer this much larger than any of the last files is not kept.
const OUTLIER: usize = 4;

impl Buffers {
    /// The size of a new buffer for a file of `bytes`: up to an eighth more, so that it fits others as well.
    pub(super) fn size_for(bytes: usize) -> usize {
        let step = (bytes.next_power_of_two() / 8).max(STEP);
        bytes.next_multiple_of(step)
    }

    /// The smallest spare buffer that holds `bytes`.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let place = self.spare.partition_point(|buffer| buffer.len() < bytes);
        (place < self.spare.len()).then(|| self.spare.remove(place))
    }

    /// The smallest spare buffer.
    pub(super) fn evict(&mut self) -> Option<Vec<u8>> {
        (!self.spare.is_empty()).then(|| self.spare.remove(0))
    }

    /// Keeps a buffer for later, and at most `most`. Gives back one that is too many, or too large by far for files such
    /// as the last ones.
    pub(super) fn put(&mut self, buffer: Vec<u8>, used: usize, most: usize) -> Option<Vec<u8>> {
        self.peak = (self.peak - self.peak / 256).max(used);
        let place = self.spare.partition_point(|other| other.len() < buffer.len());
        self.spare.insert(place, buffer);
        let largest = OUTLIER * self.peak.max(16 * STEP);
        match self.spare.last() {
            Some(last) if last.len() > largest => self.spare.pop(),
            _ if self.spare.len() > most => self.evict(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_that_fits_is_used_again() {
        let mut buffers = Buffers::default();
        for size in [9000, 5000, 70_000] {
            assert!(buffers.put(vec![0; size], size, 4).is_none());
        }
        assert_eq!(buffers.take(6000).map(|buffer| buffer.len()), Some(9000));
        assert_eq!(buffers.take(6000).map(|buffer| buffer.len()), Some(70_000));
        assert!(buffers.take(6000).is_none());
        assert_eq!(buffers.evict().map(|buffer| buffer.len()), Some(5000));
    }

    #[test]
    fn sizes_are_a_little_larger_than_files() {
        for (bytes, size) in [(0, 0), (1, 4096), (50_000, 57_344), (4_000_000, 4_194_304), (5_000_000, 5_242_880)] {
            assert_eq!(Buffers::size_for(bytes), size);
        }
    }

    #[test]
    fn what_is_too_many_or_much_too_large_is_given_back() {
        let mut buffers = Buffers::default();
        assert!(buffers.put(vec![0; 100_000], 90_000, 1).is_none());
        assert_eq!(buffers.put(vec![0; 120_000], 110_000, 1).map(|buffer| buffer.len()), Some(100_000));
        assert!(buffers.put(vec![0; 9_000_000], 8_000_000, 9).is_none(), "the largest of late");
        let given_back = (0..2000).filter_map(|_| {
            let small = buffers.take(50_000)?;
            buffers.put(small, 50_000, 9)
        });
        assert_eq!(given_back.map(|buffer| buffer.len()).collect::<Vec<_>>(), [9_000_000], "not any more");
    }
}
