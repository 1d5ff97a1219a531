//! Many strings in one.

/// Strings one behind the other, each with the place where it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    text: String,
    ends: Vec<u32>,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a string. One that would not fit into 4 GB is left empty; readers take at most 1 GB.
    pub(crate) fn push(&mut self, string: &str) {
        // lists that double hold three times as much while they grow
        if self.text.capacity() - self.text.len() < string.len() {
            self.text.reserve_exact(string.len() + self.text.len() / 4);
        }
        if self.ends.len() == self.ends.capacity() {
            self.ends.reserve_exact(64 + self.ends.len() / 4);
        }
        if u32::try_from(self.text.len() + string.len()).is_ok() {
            self.text.push_str(string);
        }
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// The string at an index; empty where there is none.
    pub(crate) fn get(&self, index: usize) -> &str {
        let end = self.ends.get(index).copied().unwrap_or_default() as usize;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or_default() as usize,
            None => 0,
        };
        self.text.get(start..end).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Keeps the strings whose index this holds of.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        let (mut start, mut to, mut count) = (0, 0, 0);
        for index in 0..self.ends.len() {
            let end = self.ends[index] as usize;
            if is_kept(index) {
                bytes.copy_within(start..end, to);
                to += end - start;
                self.ends[count] = u32::try_from(to).unwrap_or(u32::MAX);
                count += 1;
            }
            start = end;
        }
        self.ends.truncate(count);
        bytes.truncate(to);
        // whole strings were moved, so this is text
        self.text = String::from_utf8(bytes).unwrap_or_default();
    }

    /// Gives back the room that nothing stands in.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Makes room for so many strings.
    pub(crate) fn reserve(&mut self, strings: usize) {
        self.ends.reserve_exact(strings);
    }
}

/// Distinct strings under numbers in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pool: Pool,
    /// Indices into the pool.
    table: hashbrown::HashTable<u32>,
}

impl Names {
    /// The number of a string, a new one where it is new.
    pub(crate) fn number(&mut self, string: &str) -> u32 {
        let Self { pool, table } = self;
        let hash = hash(string.as_bytes(), 0);
        let same = |&index: &u32| pool.get(index as usize) == string;
        if let Some(&index) = table.find(hash, same) {
            return index;
        }
        let index = u32::try_from(pool.len()).unwrap_or(u32::MAX);
        pool.push(string);
        let hasher = |&index: &u32| self::hash(pool.get(index as usize).as_bytes(), 0);
        table.insert_unique(hash, index, hasher);
        index
    }

    pub(crate) fn len(&self) -> usize {
        self.pool.len()
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        self.pool.get(number as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.pool.iter()
    }

    /// The strings without what finds them.
    pub(crate) fn into_pool(self) -> Pool {
        self.pool
    }
}

/// A hash of bytes (FNV-1a over words, with a final mix). It is the same on every machine.
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(PRIME);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        hash = mix(hash ^ u64::from_le_bytes(eight));
    }
    for &byte in words.remainder() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME).rotate_left(23);
    }
    mix(hash)
}

fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}
