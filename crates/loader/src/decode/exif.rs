//! The one thing of EXIF and XMP that matters to pixels: how the camera was held.

/// The orientation tag.
const ORIENTATION: u16 = 0x0112;

/// The orientation, 2 to 8, that a file's metadata states: EXIF first, then XMP, as Pillow looks for it; 1
/// where neither says anything that means something.
pub(super) fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> u8 {
    let stated = exif.and_then(in_exif).or_else(|| xmp.and_then(in_xmp));
    stated.and_then(|value| u8::try_from(value).ok()).filter(|value| (2..=8).contains(value)).unwrap_or(1)
}

/// Looks through the first directory of a block of EXIF, with or without the prefix that JPEG demands.
fn in_exif(block: &[u8]) -> Option<u32> {
    const PREFIX: &[u8] = b"Exif\0\0";
    let mut block = block.strip_prefix(PREFIX).unwrap_or(block);
    block = block.strip_prefix(PREFIX).unwrap_or(block);
    let big_endian = match block {
        [b'M', b'M', 0, 42, ..] => true,
        [b'I', b'I', 42, 0, ..] => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = *block.get(at..)?.first_chunk()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = *block.get(at..)?.first_chunk()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    let entries = usize::from(short(directory)?);
    let mut found = None;
    for entry in (0..entries).map(|index| directory + 2 + 12 * index) {
        // What is cut off has no more entries.
        let Some(tag) = short(entry) else { break };
        if tag == ORIENTATION && long(entry + 4) == Some(1) {
            found = match short(entry + 2) {
                Some(SHORT) => short(entry + 8).map(u32::from),
                Some(LONG) => long(entry + 8),
                _ => found,
            };
        }
    }
    found
}

/// Types of a directory's entries.
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// Finds `tiff:Orientation="6"` or `tiff:Orientation>6`.
fn in_xmp(packet: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    packet.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(at, _)| {
        match &packet[at + NAME.len()..] {
            [b'=', b'"', digit @ b'0'..=b'9', ..] | [b'>', digit @ b'0'..=b'9', ..] => Some(u32::from(digit - b'0')),
            _ => None,
        }
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A block of EXIF that states `value`.
    pub(in crate::decode) fn block(value: u16, big_endian: bool) -> Vec<u8> {
        let mut block =
            if big_endian { b"MM\0\x2a\0\0\0\x08\0\x01".to_vec() } else { b"II\x2a\0\x08\0\0\0\x01\0".to_vec() };
        let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        block.extend([short(ORIENTATION), short(SHORT)].concat());
        block.extend(long(1));
        block.extend([short(value), short(0)].concat());
        block.extend(long(0));
        block
    }

    #[test]
    fn the_tag_is_found_in_both_byte_orders() {
        for big_endian in [false, true] {
            for value in 1..=8 {
                assert_eq!(orientation(Some(&block(value, big_endian)), None), value as u8);
            }
            assert_eq!(orientation(Some(&[b"Exif\0\0", &block(6, big_endian)[..]].concat()), None), 6);
        }
    }

    #[test]
    fn values_that_mean_nothing_are_none() {
        for value in [0, 9, 256 + 6, 65_535] {
            assert_eq!(orientation(Some(&block(value, true)), None), 1);
        }
    }

    #[test]
    fn xmp_is_asked_where_exif_is_silent() {
        let attribute = b"<rdf:Description tiff:Orientation=\"8\"/>";
        let element = b"<tiff:Orientation>3</tiff:Orientation>";
        assert_eq!(orientation(None, Some(attribute)), 8);
        assert_eq!(orientation(Some(b"II"), Some(element)), 3);
        assert_eq!(orientation(Some(&block(6, false)), Some(element)), 6);
        assert_eq!(orientation(None, Some(b"tiff:Orientation")), 1);
    }

    #[test]
    fn whatever_is_cut_or_points_elsewhere_is_harmless() {
        let whole = block(6, true);
        for len in 0..whole.len() {
            let _ = orientation(Some(&whole[..len]), None);
        }
        let mut far = whole;
        far[4..8].copy_from_slice(&[0xff; 4]);
        assert_eq!(orientation(Some(&far), None), 1);
    }
}
