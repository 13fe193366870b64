//! Our batches against Keras'.

use anyhow::{Result, bail};

use super::batches::{Array, Batch};
use super::requirement::{JUMPS, Requirement, TOLERANCE};

/// What all batches of one configuration show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    pub(super) index_equal: bool,
    /// Of all outputs, and their weights.
    pub(super) labels_equal: bool,
    /// Of the pixels.
    pub(super) bits_equal: bool,
    /// In levels of 0..255; infinite where shapes differ or only one side has a number.
    pub(super) largest: f64,
    pub(super) values: usize,
    /// Values that differ by more than [`TOLERANCE`].
    pub(super) beyond: usize,
    /// Values that differ by more than [`VISIBLE`] levels.
    pub(super) visible: usize,
}

/// Where two JPEG decoders may differ by rounding, this is more than that.
pub(super) const VISIBLE: f64 = 2.0;
/// The share of values of JPEG files that may be [`VISIBLE`]y off.
pub(super) const VISIBLE_SHARE: f64 = 1e-3;

impl Comparison {
    /// The first requirement on lossless files that is missed, in words.
    pub(super) fn missed(&self, requirement: Requirement) -> Option<String> {
        self.missed_order().or_else(|| {
            let missed = match requirement {
                Requirement::Bits => !self.bits_equal,
                Requirement::Close => self.beyond > 0,
                Requirement::CloseButForJumps => self.share(self.beyond) > JUMPS,
            };
            missed.then(|| {
                let Comparison { beyond, values, largest, .. } = self;
                format!(
                    "{requirement:?}: {beyond} of {values} values beyond {TOLERANCE:.3} levels, at most {largest:.3}"
                )
            })
        })
    }

    /// The first requirement on JPEG files that is missed, in words.
    pub(super) fn missed_on_jpeg(&self) -> Option<String> {
        let share = self.share(self.visible);
        self.missed_order()
            .or_else(|| (share > VISIBLE_SHARE).then(|| format!("{:.3}% of values visibly off", share * 100.0)))
    }

    pub(super) fn share(&self, count: usize) -> f64 {
        count as f64 / self.values.max(1) as f64
    }

    fn missed_order(&self) -> Option<String> {
        if !self.index_equal {
            Some("other images, or in another order".to_owned())
        } else if !self.labels_equal {
            Some("other labels".to_owned())
        } else if self.largest.is_infinite() {
            Some("another shape, or no numbers".to_owned())
        } else {
            None
        }
    }
}

/// Compares batch by batch. `labels_are_pixels` where the class mode is `input`: labels need the same bits otherwise.
///
/// # Errors
///
/// Keras' batches lack their scale.
pub(super) fn compare(ours: &[Batch], keras: &[Batch], labels_are_pixels: bool) -> Result<Comparison> {
    let mut found = Comparison {
        index_equal: ours.len() == keras.len(),
        labels_equal: true,
        bits_equal: true,
        largest: 0.0,
        values: 0,
        beyond: 0,
        visible: 0,
    };
    for (ours, keras) in ours.iter().zip(keras) {
        let Some(scale) = &keras.scale else { bail!("Keras' batches lack their scale") };
        found.index_equal &= ours.index == keras.index;
        found.labels_equal &= if labels_are_pixels {
            keras.y.as_ref() == Some(&keras.x) && ours.y.as_ref() == Some(&ours.x)
        } else {
            ours.y == keras.y && ours.outputs == keras.outputs
        } && ours.weights == keras.weights;
        found.add_pixels(&ours.x, &keras.x, &scale.values);
    }
    Ok(found)
}

impl Comparison {
    fn add_pixels(&mut self, ours: &Array<f32>, keras: &Array<f32>, scales: &[f32]) {
        self.values += keras.values.len();
        if ours.shape != keras.shape {
            self.bits_equal = false;
            self.largest = f64::INFINITY;
            return;
        }
        let sample = (keras.values.len() / scales.len().max(1)).max(1);
        for ((ours, keras), scale) in ours.values.chunks(sample).zip(keras.values.chunks(sample)).zip(scales) {
            for (ours, keras) in ours.iter().zip(keras).filter(|(ours, keras)| ours.to_bits() != keras.to_bits()) {
                let difference = (f64::from(*ours) - f64::from(*keras)).abs() / f64::from(*scale);
                // Not a number on one side, or on both with other bits.
                let difference = if difference.is_nan() { f64::INFINITY } else { difference };
                self.bits_equal = false;
                self.largest = self.largest.max(difference);
                self.beyond += usize::from(difference > TOLERANCE);
                self.visible += usize::from(difference > VISIBLE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(values: &[f32], scale: f32) -> Batch {
        Batch {
            x: Array { shape: vec![2, 1, values.len() / 2, 1], values: values.to_vec() },
            y: Some(Array { shape: vec![2], values: vec![0.0, 1.0] }),
            outputs: Vec::new(),
            weights: None,
            index: Array { shape: vec![2], values: vec![4, 2] },
            scale: Some(Array { shape: vec![2], values: vec![scale, scale] }),
        }
    }

    fn one(ours: &Batch, keras: &Batch, labels_are_pixels: bool) -> Comparison {
        compare(std::slice::from_ref(ours), std::slice::from_ref(keras), labels_are_pixels).unwrap()
    }

    fn all_missed(found: &Comparison) -> [bool; 3] {
        [Requirement::Bits, Requirement::Close, Requirement::CloseButForJumps].map(|r| found.missed(r).is_some())
    }

    #[test]
    fn a_batch_equals_itself() {
        let keras = batch(&[0.0, 1.5, 254.75, 255.0], 1.0);
        let found = one(&keras, &keras, false);
        assert!(found.index_equal && found.labels_equal && found.bits_equal);
        assert_eq!((found.largest, found.values, found.beyond), (0.0, 4, 0));
        assert_eq!(all_missed(&found), [false; 3]);
        assert_eq!(found.missed_on_jpeg(), None);
    }

    #[test]
    fn a_last_bit_breaks_equality_but_not_closeness() {
        let (ours, keras) =
            (batch(&[1.0, 2.0, 3.0, 4.0], 1.0), batch(&[1.0, 2.0, 3.0, f32::from_bits(0x4080_0001)], 1.0));
        let found = one(&ours, &keras, false);
        assert_eq!(all_missed(&found), [true, false, false]);
    }

    #[test]
    fn differences_are_counted_in_levels() {
        // 0.004 of standardised values is a whole level where pixels were divided by 255.
        let mut keras = vec![0.5_f32; 40_000];
        let ours = batch(&keras, 1.0);
        keras[30_000] += 0.004;
        let found = one(&ours, &batch(&keras, 1.0 / 255.0), false);
        assert!((found.largest - 1.02).abs() < 1e-3, "{found:?}");
        assert_eq!((found.beyond, found.visible), (1, 0));
        assert_eq!(all_missed(&found), [true, true, false], "one in 40,000 may be a jump");
        assert_eq!(one(&ours, &batch(&keras, 1.0), false).beyond, 0);
    }

    #[test]
    fn too_many_jumps_are_missed() {
        let mut keras = vec![0.0_f32; 40_000];
        let ours = batch(&keras, 1.0);
        keras[..5].fill(3.0);
        let found = one(&ours, &batch(&keras, 1.0), false);
        assert_eq!(all_missed(&found), [true; 3]);
        assert_eq!(found.missed_on_jpeg(), None, "five in 40,000 are few on JPEG files");
        assert_eq!(found.visible, 5);
    }

    #[test]
    fn order_labels_and_shapes_are_always_required() {
        let keras = batch(&[1.0, 2.0, 3.0, 4.0], 1.0);
        let change = |change: fn(&mut Batch)| {
            let mut ours = keras.clone();
            change(&mut ours);
            let found = one(&ours, &keras, false);
            assert_eq!(all_missed(&found), [true; 3], "{found:?}");
            found.missed_on_jpeg().unwrap()
        };
        assert_eq!(change(|ours| ours.index.values.swap(0, 1)), "other images, or in another order");
        assert_eq!(change(|ours| ours.y = None), "other labels");
        assert_eq!(change(|ours| ours.weights = ours.y.clone()), "other labels");
        assert_eq!(change(|ours| ours.outputs.extend(ours.y.clone())), "other labels");
        assert_eq!(change(|ours| ours.x.shape.swap(1, 2)), "another shape, or no numbers");
        assert_eq!(change(|ours| ours.x.values[0] = f32::NAN), "another shape, or no numbers");
    }

    #[test]
    fn labels_that_are_pixels_follow_the_rule_of_pixels() {
        let as_input = |values: &[f32]| {
            let mut batch = batch(values, 1.0);
            batch.y = Some(batch.x.clone());
            batch
        };
        let (ours, keras) = (as_input(&[1.0, 2.0, 3.0, 4.0]), as_input(&[1.0, 2.0, 3.0, 4.125]));
        assert!(!one(&ours, &keras, false).labels_equal);
        assert!(one(&ours, &keras, true).labels_equal);
        let mut other = ours;
        other.y = Some(keras.x.clone());
        assert!(!one(&other, &keras, true).labels_equal);
    }
}
