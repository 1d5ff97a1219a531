//! What a Markdown file links to, names and shows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A Markdown file, taken apart. Lines count from 1.
#[derive(Default)]
pub struct Page {
    /// Path below the repository's root.
    pub path: PathBuf,
    /// Line and target of each link and image.
    pub links: Vec<(usize, String)>,
    /// Fragments that lead to a heading.
    pub anchors: BTreeSet<String>,
    /// Blocks of code.
    pub blocks: Vec<Block>,
    /// Line and text of code within a sentence or a table.
    pub inline: Vec<(usize, String)>,
}

/// A fenced block of code.
pub struct Block {
    /// Line of the fence.
    pub line: usize,
    /// The word behind the fence.
    pub language: String,
    pub text: String,
}

impl Page {
    pub fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let mut page = Self {
            path: path.into(),
            ..Self::default()
        };
        let (mut heading, mut block) = (None, None);
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = 1 + text[..range.start].matches('\n').count();
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((line, dest_url.to_string()));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.add_anchor(&heading.take().unwrap()),
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(word) => word.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let text = String::new();
                    block = Some(Block {
                        line,
                        language,
                        text,
                    });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(text) => {
                    if let Some(block) = &mut block {
                        block.text.push_str(&text);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                    page.inline.push((line, text.to_string()));
                }
                _ => {}
            }
        }
        page
    }

    /// GitHub's fragment of a heading: lower case, without punctuation, spaces as hyphens; a number behind one that is
    /// there already.
    fn add_anchor(&mut self, heading: &str) {
        let kept = heading.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ => c.is_alphanumeric().then_some(c),
        });
        let anchor = kept.collect::<String>().to_lowercase();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(numbered);
        let free = names.find(|name| !self.anchors.contains(name)).unwrap();
        self.anchors.insert(free);
    }
}

/// Folders whose files were downloaded or built; below `tests` there are none.
const NOT_OURS: [&str; 5] = ["target", "node_modules", "pkg", "dist", "models"];

/// Paths of all files of the repository, below its root.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let below = path.strip_prefix(root).unwrap();
            if !path.is_dir() {
                found.push(below.to_owned());
            } else if !name.starts_with('.')
                && !path.is_symlink()
                && (below.starts_with("tests") || !NOT_OURS.contains(&name))
            {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every Markdown file of the repository.
pub fn pages(root: &Path) -> Vec<Page> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "md");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(root.join(&path)).unwrap();
        Page::new(path, &text)
    };
    files(root).into_iter().filter(is_page).map(read).collect()
}
