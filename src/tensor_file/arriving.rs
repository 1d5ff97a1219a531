//! A safetensors file that comes piece by piece. Each tensor gets a buffer of its own, so the file is never in memory as a
//! whole.

use std::vec::IntoIter;

use safetensors::tensor::{Metadata, TensorInfo};

use super::header::check_names;
use crate::error::{Error, Result};

/// What has come.
pub enum Part {
    /// All tensors that are to come, in the order of the file, before any of them.
    List(Vec<(String, TensorInfo)>),
    /// A tensor by its name, whole.
    Tensor(String, Vec<u8>),
}

/// A file on its way.
pub struct Arriving {
    place: String,
    /// The file's length.
    length: usize,
    /// How much of it has come.
    come: usize,
    /// The eight bytes of the header's length, and the header, as far as they have come.
    header: Vec<u8>,
    /// Tensors that have not begun, with their lengths.
    next: IntoIter<(String, usize)>,
    /// The tensor that is coming, and its length.
    current: Option<(String, Vec<u8>, usize)>,
    listed: bool,
}

impl Arriving {
    /// A file of which nothing has come yet. `place` names it in errors, `length` is its length in bytes.
    #[must_use]
    pub fn new(place: &str, length: usize) -> Self {
        Self {
            place: place.to_owned(),
            length,
            come: 0,
            header: Vec::new(),
            next: Vec::new().into_iter(),
            current: None,
            listed: false,
        }
    }

    /// The name used in errors.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Takes the next `length` bytes. `copy(from, to)` fills `to` with the piece's bytes from `from` on. `receive` is told
    /// what is whole by now.
    ///
    /// # Errors
    /// [`Error::FileTruncated`] or [`Error::FileInvalid`] as [`TensorFile::parse`](super::TensorFile::parse),
    /// [`Error::OutOfMemory`], and those of `receive`.
    pub fn push(
        &mut self,
        length: usize,
        copy: &mut dyn FnMut(usize, &mut [u8]),
        receive: &mut dyn FnMut(Part) -> Result<()>,
    ) -> Result<()> {
        if length > self.length - self.come {
            return Err(self.invalid(format!("it has more than {} bytes", self.length)));
        }
        self.come += length;
        let mut from = 0;
        loop {
            let (buffer, whole) = match &mut self.current {
                _ if !self.listed => {
                    let whole = header_length(&self.header);
                    (&mut self.header, whole)
                }
                Some((_, data, whole)) => (data, *whole),
                None => break,
            };
            if whole > self.length {
                return Err(self.truncated());
            }
            let take = (whole - buffer.len()).min(length - from);
            let begun = buffer.len();
            lengthen(buffer, take);
            copy(from, &mut buffer[begun..]);
            from += take;
            if self.listed {
                if begun + take < whole {
                    return Ok(());
                }
                if let Some((name, data, _)) = self.current.take() {
                    receive(Part::Tensor(name, data))?;
                }
                self.begin()?;
            } else if header_length(&self.header) == self.header.len() {
                receive(Part::List(self.list()?))?;
                self.begin()?;
            } else if take == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Checks that all has come.
    ///
    /// # Errors
    /// [`Error::FileTruncated`].
    pub fn finish(self) -> Result<()> {
        match self.come == self.length && self.listed && self.current.is_none() {
            true => Ok(()),
            false => Err(self.truncated()),
        }
    }

    /// Reads the header.
    fn list(&mut self) -> Result<Vec<(String, TensorInfo)>> {
        check_names(&self.header).map_err(|reason| self.invalid(reason))?;
        // As the library reads it, so that there is one reader of headers in the module.
        let header = str::from_utf8(&self.header[8..]).unwrap_or_default();
        let metadata: Metadata = serde_json::from_str(header)
            .map_err(|error| self.invalid(format!("it is not a safetensors file ({error})")))?;
        let end = self.header.len().saturating_add(metadata.data_len());
        if end > self.length {
            return Err(self.truncated());
        }
        if end < self.length {
            return Err(self.invalid("there is something behind its last tensor".into()));
        }
        let infos = metadata.offset_keys().into_iter();
        let list: Vec<_> = infos
            .filter_map(|name| Some((metadata.info(&name)?.clone(), name)))
            .map(|(info, name)| (name, info))
            .collect();
        let lengths = list.iter().map(|(name, info)| {
            let (start, end) = info.data_offsets;
            (name.clone(), end - start)
        });
        self.next = lengths.collect::<Vec<_>>().into_iter();
        self.header = Vec::new();
        self.listed = true;
        Ok(list)
    }

    /// Makes room for the next tensor.
    fn begin(&mut self) -> Result<()> {
        let Some((name, length)) = self.next.next() else {
            return Ok(());
        };
        let mut data = Vec::new();
        data.try_reserve_exact(length)
            .map_err(|_| Error::OutOfMemory {
                what: format!("tensor \"{name}\" of {}", self.place),
                bytes: length,
            })?;
        self.current = Some((name, data, length));
        Ok(())
    }

    fn truncated(&self) -> Error {
        Error::FileTruncated {
            place: self.place.clone(),
            found: self.come,
        }
    }

    fn invalid(&self, reason: String) -> Error {
        Error::FileInvalid {
            place: self.place.clone(),
            reason,
        }
    }
}

/// Adds zeros. In a browser, which has not optimised anything yet when this is called, `resize` goes byte by byte.
fn lengthen(buffer: &mut Vec<u8>, by: usize) {
    const ZEROS: [u8; 4096] = [0; 4096];
    let end = buffer.len() + by;
    while buffer.len() < end {
        let more = (end - buffer.len()).min(ZEROS.len());
        buffer.extend_from_slice(&ZEROS[..more]);
    }
}

/// How long the header is with the eight bytes before it, as far as is known.
fn header_length(header: &[u8]) -> usize {
    let length = header.get(..8).and_then(|length| length.try_into().ok());
    let length = length.map_or(0, u64::from_le_bytes);
    usize::try_from(length).map_or(usize::MAX, |length| length.saturating_add(8))
}

#[cfg(test)]
mod tests {
    use super::super::{FloatType, TensorFile, TensorFileWriter};
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = TensorFileWriter::default();
        writer.floats("a", &[2, 2], &[1.0, -2.0, 0.5, 3.0], FloatType::F32);
        writer.floats("none", &[0], &[], FloatType::F32);
        writer.floats("h", &[3], &[0.25, -8.0, 1.5], FloatType::F16);
        writer.int8("q", &[5], &[-127, 0, 127, 1, 2]);
        writer.finish("pt").unwrap()
    }

    /// The tensors of a file that comes in pieces of these lengths, over and over.
    fn arrive(file: &[u8], length: usize, pieces: &[usize]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut arriving = Arriving::new("x", length);
        let (mut listed, mut tensors, mut from) = (Vec::new(), Vec::new(), 0);
        for &piece in pieces.iter().cycle() {
            let piece = &file[from..][..piece.min(file.len() - from)];
            from += piece.len();
            let mut copy = |at: usize, to: &mut [u8]| to.copy_from_slice(&piece[at..][..to.len()]);
            arriving.push(piece.len(), &mut copy, &mut |part| {
                match part {
                    Part::List(list) => listed = list,
                    Part::Tensor(name, data) => tensors.push((name, data)),
                }
                Ok(())
            })?;
            if from == file.len() {
                break;
            }
        }
        arriving.finish()?;
        let names =
            |list: &[(String, Vec<u8>)]| list.iter().map(|(name, _)| name.clone()).collect();
        let found: Vec<String> = names(&tensors);
        let expected: Vec<String> = listed.into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, expected);
        Ok(tensors)
    }

    #[test]
    fn pieces_of_any_length_come_to_the_same_tensors() {
        let file = sample();
        let whole = TensorFile::parse("x", &file).unwrap();
        for piece in 1..=file.len() {
            for pieces in [&[piece][..], &[piece, 1], &[1, piece, 7]] {
                let tensors = arrive(&file, file.len(), pieces).unwrap();
                assert_eq!(tensors.len(), 4);
                for (name, data) in tensors {
                    let (shape, _) = whole.info(&name).unwrap();
                    assert_eq!(
                        data,
                        *whole.shaped(&name, &shape).unwrap().data,
                        "{name} {piece}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_cut_or_too_long_or_no_file_is_refused() {
        let file = sample();
        let code = |file: &[u8], length| arrive(file, length, &[5]).err().map(|error| error.code());
        for length in 0..file.len() {
            assert_eq!(
                code(&file[..length], file.len()),
                Some("file_truncated"),
                "{length}"
            );
            // the file that was announced is shorter than its header says
            let announced = code(&file[..length], length);
            assert_eq!(announced, Some("file_truncated"), "{length}");
        }
        let longer = [&file[..], &[0]].concat();
        assert_eq!(code(&longer, file.len()), Some("file_invalid"));
        assert_eq!(code(&longer, longer.len()), Some("file_invalid"));
        let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        assert_eq!(code(&huge, huge.len()), Some("file_truncated"));
        let broken = [&4u64.to_le_bytes()[..], b"{,,}"].concat();
        assert_eq!(code(&broken, broken.len()), Some("file_invalid"));
        let empty = [&2u64.to_le_bytes()[..], b"{}"].concat();
        assert_eq!(arrive(&empty, empty.len(), &[3]).unwrap().len(), 0);
    }

    #[test]
    fn an_error_of_the_receiver_ends_it() {
        let file = sample();
        let mut arriving = Arriving::new("x", file.len());
        let mut copy = |at: usize, to: &mut [u8]| to.copy_from_slice(&file[at..][..to.len()]);
        let refused = arriving.push(file.len(), &mut copy, &mut |_| {
            Err(Error::TextEmpty { index: 0 })
        });
        assert_eq!(refused.err().map(|error| error.code()), Some("text_empty"));
    }
}
