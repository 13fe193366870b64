//! The bytes of an event: `tensorflow/core/util/event.proto` in a record of `tensorflow/core/lib/io/record_writer.h`.

use std::time::Duration;

/// A record: length, its checksum, the event, its checksum; all little endian.
pub(super) fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), event, &checksum(event)].concat()
}

/// The first event of a file: `file_version`.
pub(super) fn version(time: Duration) -> Vec<u8> {
    let mut event = header(time, 0);
    put_bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// An event with a `summary` of one `simple_value` a tag.
pub(super) fn scalars(time: Duration, step: u64, scalars: &[(String, f32)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, tag.as_bytes());
        put_key(&mut entry, 2, FIXED_32);
        entry.extend(value.to_le_bytes());
        put_bytes(&mut summary, 1, &entry);
    }
    let mut event = header(time, step);
    put_bytes(&mut event, 5, &summary);
    event
}

// Wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// `wall_time` in seconds, and `step`, which is 0 where it is left out.
fn header(time: Duration, step: u64) -> Vec<u8> {
    let mut event = Vec::new();
    put_key(&mut event, 1, FIXED_64);
    event.extend(time.as_secs_f64().to_le_bytes());
    if step != 0 {
        put_key(&mut event, 2, VARINT);
        put_varint(&mut event, step);
    }
    event
}

fn put_key(to: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(to, field << 3 | wire_type);
}

fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(to, field, BYTES);
    put_varint(to, bytes.len() as u64);
    to.extend(bytes);
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// CRC-32C, turned and shifted so that a checksum of bytes that hold checksums is a good one.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xA282_EAD8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_tensorflow() {
        // tf.io.TFRecordWriter with Event(wall_time=1.5, file_version="brain.Event:2") and
        // Event(wall_time=1.5, step=300, summary=Summary(value=[Value(tag="epoch_loss", simple_value=0.5)])).
        let golden = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c\
                      2100000000000000017becf609000000000000f83f10ac022a130a110a0a65706f63685f6c6f7373\
                      150000003f8200a121";
        let time = Duration::from_millis(1500);
        let events = [version(time), scalars(time, 300, &[("epoch_loss".to_owned(), 0.5)])];
        let bytes: Vec<u8> = events.iter().flat_map(|event| record(event)).collect();
        assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), golden);
    }
}
