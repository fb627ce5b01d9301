//! TensorBoard event files: records framed as TFRecord (length, masked CRC-32C of the length,
//! payload, masked CRC-32C of the payload), each payload an `Event` of `tensorflow/core/util/event.proto`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::protobuf::Message;

/// Writes events to one file or other sink.
#[derive(Debug)]
pub struct EventWriter<W: Write = BufWriter<File>> {
    sink: W,
}

impl EventWriter {
    /// Creates `events.out.tfevents.<secs>.ballast` in `dir` (made if missing). TensorBoard sorts
    /// files by that number; `wall_time_secs` is the caller's clock, seconds since 1970.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(dir: &Path, wall_time_secs: f64) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let name = format!("events.out.tfevents.{:010}.ballast", wall_time_secs as u64);
        let file = File::create(dir.join(name))?;
        Self::new(BufWriter::new(file), wall_time_secs)
    }
}

impl<W: Write> EventWriter<W> {
    /// Starts a file on `sink`.
    ///
    /// # Errors
    /// The sink's.
    pub fn new(sink: W, wall_time_secs: f64) -> io::Result<Self> {
        let mut writer = Self { sink };
        writer.record(event(wall_time_secs, 0).string(3, "brain.Event:2"))?;
        Ok(writer)
    }

    /// One point of the curve `tag`.
    ///
    /// # Errors
    /// The sink's.
    pub fn scalar(
        &mut self,
        wall_time_secs: f64,
        step: u64,
        tag: &str,
        value: f64,
    ) -> io::Result<()> {
        let value = Message::new().string(1, tag).float(2, value as f32);
        let summary = Message::new().message(1, value);
        self.record(event(wall_time_secs, step).message(5, summary))
    }

    /// A text (Markdown) under `tag`.
    ///
    /// # Errors
    /// The sink's.
    pub fn text(
        &mut self,
        wall_time_secs: f64,
        step: u64,
        tag: &str,
        text: &str,
    ) -> io::Result<()> {
        // DT_STRING = 7, shape [1]; the plugin's name is how TensorBoard knows it for text.
        let shape = Message::new().message(2, Message::new().int(1, 1));
        let tensor = Message::new().int(1, 7).message(2, shape).string(8, text);
        let plugin = Message::new().message(1, Message::new().string(1, "text"));
        let value = Message::new().string(1, tag).message(8, tensor).message(9, plugin);
        let summary = Message::new().message(1, value);
        self.record(event(wall_time_secs, step).message(5, summary))
    }

    /// Hands everything written so far to the sink's owner, so that a running TensorBoard sees it.
    ///
    /// # Errors
    /// The sink's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn record(&mut self, event: Message) -> io::Result<()> {
        let payload = event.into_bytes();
        let length = (payload.len() as u64).to_le_bytes();
        self.sink.write_all(&length)?;
        self.sink.write_all(&masked_crc(&length).to_le_bytes())?;
        self.sink.write_all(&payload)?;
        self.sink.write_all(&masked_crc(&payload).to_le_bytes())
    }
}

fn event(wall_time_secs: f64, step: u64) -> Message {
    Message::new().double(1, wall_time_secs).int(2, step as i64)
}

/// CRC-32C rotated and offset, as TFRecord asks (a CRC of bytes that hold CRCs would be weak).
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_frame_what_they_hold() {
        let mut writer = EventWriter::new(Vec::new(), 1.5).expect("a vector takes all");
        writer.scalar(2.0, 7, "loss", 0.25).expect("a vector takes all");
        let bytes = writer.sink;
        let mut at = 0;
        let mut records = 0;
        while at < bytes.len() {
            let length =
                u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize;
            let crc = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().expect("4 bytes"));
            assert_eq!(crc, masked_crc(&bytes[at..at + 8]));
            let payload = &bytes[at + 12..at + 12 + length];
            let crc = &bytes[at + 12 + length..at + 16 + length];
            assert_eq!(crc, masked_crc(payload).to_le_bytes());
            at += 16 + length;
            records += 1;
        }
        assert_eq!((at, records), (bytes.len(), 2));
        // RFC 3720's CRC-32C of 32 zero bytes, masked.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
