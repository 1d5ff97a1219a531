//! A pickle read as data: names of classes stay names, nothing is imported and nothing is called.
//!
//! candle's reader does the work, one instruction at a time. It trusts its input (it allocates what a
//! string's length says and copies what a reference repeats), so each instruction is looked at first.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::pickle::{Object, Stack};

/// Longest pickle that is read; an adapter's has a hundred bytes or so a tensor.
const MAX_LENGTH: usize = 4 << 20;

/// Deepest nesting that is read; a tensor in a dictionary has five levels.
const MAX_DEPTH: usize = 32;

/// Most bytes of objects, copies included: so many times the pickle's length, and [`SLACK`].
const MAX_GROWTH: usize = 32;

/// Bytes of objects that any pickle may have.
const SLACK: usize = 1 << 16;

/// What a pickle holds, or what is wrong with it.
pub(super) fn read(pickle: &[u8]) -> Result<Object, String> {
    if pickle.len() > MAX_LENGTH {
        return Err(format!(
            "its list of tensors has {} bytes, and at most {MAX_LENGTH} are read",
            pickle.len()
        ));
    }
    let repeated = repeated(pickle)?;
    let mut stack = Stack::empty();
    let mut left = SLACK + MAX_GROWTH * pickle.len();
    let mut spend = |bytes: usize| match left.checked_sub(bytes) {
        Some(rest) => {
            left = rest;
            Ok(())
        }
        None => Err("its list of tensors repeats itself too often".to_owned()),
    };
    // what a copy of each remembered object costs
    let mut remembered: BTreeMap<u32, usize> = BTreeMap::new();
    let mut rest = pickle;
    loop {
        let Instruction {
            code,
            argument,
            length,
        } = Instruction::at(rest)?;
        let (mut this, after) = rest.split_at(length);
        rest = after;
        if code == code::STOP {
            break;
        }
        let objects = stack.stack();
        match code {
            // most objects are remembered and never asked for again
            code::PUT | code::LONG_PUT if !repeated.contains(&argument) => continue,
            code::PUT | code::LONG_PUT => {
                let bytes = objects.last().map_or(Ok(0), size)?;
                spend(bytes)?;
                remembered.insert(argument, bytes);
            }
            code::GET | code::LONG_GET => {
                spend(remembered.get(&argument).copied().unwrap_or_default())?;
            }
            _ => spend(size_of::<Object>() + length)?,
        }
        // what goes into another object is not too deep, so no object is
        for object in &objects[objects.len() - enclosed(code, objects)..] {
            size(object)?;
        }
        stack.read(&mut this).map_err(|error| {
            format!(
                "its list of tensors is not a valid pickle ({:.200})",
                reason(error)
            )
        })?;
    }
    stack
        .finalize()
        .map_err(|_| "its list of tensors is an empty pickle".to_owned())
}

/// What candle says of an instruction. Its own `Display` writes a backtrace out: half a second and fifty megabytes,
/// and a hundredth of the module that is downloaded.
fn reason(error: candle_core::Error) -> String {
    use candle_core::Error;
    match error {
        Error::WithBacktrace { inner, .. } => reason(*inner),
        Error::Msg(message) => message,
        Error::Io(error) => error.to_string(),
        Error::Wrapped(error) => error.to_string(),
        Error::Context { context, .. } => context.to_string(),
        _ => "an instruction can't be followed".to_owned(),
    }
}

/// The instructions that PyTorch's files have.
mod code {
    pub(super) const MARK: u8 = b'(';
    pub(super) const STOP: u8 = b'.';
    pub(super) const PROTOCOL: u8 = 0x80;
    pub(super) const GLOBAL: u8 = b'c';
    pub(super) const PUT: u8 = b'q';
    pub(super) const LONG_PUT: u8 = b'r';
    pub(super) const GET: u8 = b'h';
    pub(super) const LONG_GET: u8 = b'j';
    pub(super) const UNICODE: u8 = b'X';
    pub(super) const NONE: u8 = b'N';
    pub(super) const TRUE: u8 = 0x88;
    pub(super) const FALSE: u8 = 0x89;
    pub(super) const INT1: u8 = b'K';
    pub(super) const INT2: u8 = b'M';
    pub(super) const INT4: u8 = b'J';
    pub(super) const LONG1: u8 = 0x8a;
    pub(super) const FLOAT: u8 = b'G';
    pub(super) const EMPTY_TUPLE: u8 = b')';
    pub(super) const EMPTY_LIST: u8 = b']';
    pub(super) const EMPTY_DICT: u8 = b'}';
    pub(super) const TUPLE: u8 = b't';
    pub(super) const TUPLE1: u8 = 0x85;
    pub(super) const TUPLE2: u8 = 0x86;
    pub(super) const TUPLE3: u8 = 0x87;
    pub(super) const REDUCE: u8 = b'R';
    pub(super) const NEW_OBJECT: u8 = 0x81;
    pub(super) const BUILD: u8 = b'b';
    pub(super) const PERSISTENT_ID: u8 = b'Q';
    pub(super) const SET_ITEM: u8 = b's';
    pub(super) const SET_ITEMS: u8 = b'u';
    pub(super) const APPEND: u8 = b'a';
    pub(super) const APPENDS: u8 = b'e';
}

/// How many objects at the top of the stack an instruction puts into another.
fn enclosed(code: u8, objects: &[Object]) -> usize {
    let count = match code {
        code::TUPLE1 | code::PERSISTENT_ID | code::APPEND => 1,
        code::TUPLE2 | code::REDUCE | code::NEW_OBJECT | code::BUILD | code::SET_ITEM => 2,
        code::TUPLE3 => 3,
        code::TUPLE | code::SET_ITEMS | code::APPENDS => {
            let above = objects.iter().rev();
            above
                .take_while(|object| !matches!(object, Object::Mark))
                .count()
        }
        _ => 0,
    };
    count.min(objects.len())
}

/// One instruction with its argument.
struct Instruction {
    code: u8,
    /// Of an instruction that remembers or repeats an object: the object's number.
    argument: u32,
    /// In bytes, code and argument.
    length: usize,
}

impl Instruction {
    /// The instruction that some bytes begin with, all of whose argument is there.
    fn at(bytes: &[u8]) -> Result<Self, String> {
        let ends = || "its list of tensors ends too early".to_owned();
        let (&code, argument) = bytes.split_first().ok_or_else(ends)?;
        let number = |width: usize| -> Result<u32, String> {
            let mut number = [0; 4];
            number[..width].copy_from_slice(argument.get(..width).ok_or_else(ends)?);
            Ok(u32::from_le_bytes(number))
        };
        let length = match code {
            code::MARK
            | code::STOP
            | code::NONE
            | code::TRUE
            | code::FALSE
            | code::EMPTY_TUPLE
            | code::EMPTY_LIST
            | code::EMPTY_DICT
            | code::TUPLE
            | code::TUPLE1
            | code::TUPLE2
            | code::TUPLE3
            | code::REDUCE
            | code::NEW_OBJECT
            | code::BUILD
            | code::PERSISTENT_ID
            | code::SET_ITEM
            | code::SET_ITEMS
            | code::APPEND
            | code::APPENDS => 0,
            code::PROTOCOL | code::PUT | code::GET | code::INT1 => 1,
            code::INT2 => 2,
            code::LONG_PUT | code::LONG_GET | code::INT4 => 4,
            code::FLOAT => 8,
            code::GLOBAL => {
                let mut lines = argument
                    .iter()
                    .enumerate()
                    .filter(|(_, byte)| **byte == b'\n');
                lines.nth(1).ok_or_else(ends)?.0 + 1
            }
            code::UNICODE => {
                let length = usize::try_from(number(4)?).map_err(|_| ends())?;
                length.checked_add(4).ok_or_else(ends)?
            }
            code::LONG1 => match number(1)? {
                bytes @ 0..=8 => bytes as usize + 1,
                bytes => return Err(format!("its list of tensors has a number of {bytes} bytes")),
            },
            other => {
                return Err(format!(
                    "its list of tensors has the pickle instruction {other:#04x}, which no list of tensors needs"
                ));
            }
        };
        if argument.len() < length {
            return Err(ends());
        }
        let argument = match code {
            code::PUT | code::GET => number(1)?,
            code::LONG_PUT | code::LONG_GET => number(4)?,
            _ => 0,
        };
        Ok(Self {
            code,
            argument,
            length: length + 1,
        })
    }
}

/// Numbers of the objects that are asked for again.
fn repeated(pickle: &[u8]) -> Result<BTreeSet<u32>, String> {
    let mut repeated = BTreeSet::new();
    let mut rest = pickle;
    loop {
        let instruction = Instruction::at(rest)?;
        match instruction.code {
            code::STOP => return Ok(repeated),
            code::GET | code::LONG_GET => {
                repeated.insert(instruction.argument);
            }
            _ => {}
        }
        rest = &rest[instruction.length..];
    }
}

/// Bytes that an object takes.
fn size(object: &Object) -> Result<usize, String> {
    fn add(object: &Object, depth: usize, total: &mut usize) -> bool {
        if depth == MAX_DEPTH {
            return false;
        }
        *total += size_of::<Object>();
        let mut inner = |object: &Object| add(object, depth + 1, total);
        match object {
            Object::Class {
                module_name,
                class_name,
            } => *total += module_name.len() + class_name.len(),
            Object::Unicode(text) => *total += text.len(),
            Object::Tuple(items) | Object::List(items) => return items.iter().all(inner),
            Object::Dict(pairs) => {
                return pairs.iter().all(|(key, value)| inner(key) && inner(value));
            }
            Object::Reduce { callable, args } | Object::Build { callable, args } => {
                return inner(callable) && inner(args);
            }
            Object::PersistentLoad(id) => return inner(id),
            Object::Int(_)
            | Object::Long(_)
            | Object::Float(_)
            | Object::Bool(_)
            | Object::None
            | Object::Mark => {}
        }
        true
    }
    let mut total = 0;
    if add(object, 0, &mut total) {
        return Ok(total);
    }
    Err(format!(
        "its list of tensors is nested more than {MAX_DEPTH} deep"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pickle: &[u8], part: &str) {
        let reason = read(pickle).unwrap_err();
        assert!(reason.contains(part), "{reason}");
    }

    #[test]
    fn plain_values_are_read() {
        let pickle = b"\x80\x02}q\x00X\x01\x00\x00\x00aK\x07s.";
        let a = Object::Unicode("a".into());
        assert_eq!(read(pickle), Ok(Object::Dict(vec![(a, Object::Int(7))])));
    }

    #[test]
    fn a_length_beyond_the_file_allocates_nothing() {
        refused(b"X\xff\xff\xff\xffa.", "ends too early");
        refused(b"\x8a\xff.", "a number of 255 bytes");
        refused(b"cos\nsystem", "ends too early");
        refused(b"", "ends too early");
        refused(b"}", "ends too early");
    }

    #[test]
    fn doubling_references_are_refused() {
        let mut pickle = b")".to_vec();
        for id in 0..30 {
            pickle.extend([b'q', id, b'h', id, 0x86]);
        }
        pickle.push(b'.');
        refused(&pickle, "repeats itself");
    }

    #[test]
    fn nesting_is_bounded_whatever_makes_it() {
        let tuples = [b")".as_slice(), &[0x85; 100_000], b"."].concat();
        refused(&tuples, "deep");
        let lists = [[b']'; 1000].as_slice(), &[b'a'; 999], b"."].concat();
        refused(&lists, "deep");
        let dicts = [
            b"}N".repeat(1000),
            b"N".to_vec(),
            vec![b's'; 999],
            b".".to_vec(),
        ]
        .concat();
        refused(&dicts, "deep");
    }

    #[test]
    fn other_instructions_are_refused_before_anything_is_read() {
        // protocol 4's frame, and the instruction that calls a class by its name
        refused(b"\x95\x00.", "0x95");
        refused(b"(iposix\nsystem\n.", "0x69");
        refused(b"a.", "not a valid pickle");
        refused(b"t.", "not a valid pickle");
        refused(b".", "empty pickle");
        refused(&[b'N'; MAX_LENGTH + 1], "at most");
    }
}
