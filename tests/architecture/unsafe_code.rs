//! Unsafe code stays in the kernels.

use syn::visit::{self, Visit};

use super::sources::{Source, root, sources, sources_in};

/// Finds unsafe code.
#[derive(Default)]
struct Unsafe(bool);

impl<'a> Visit<'a> for Unsafe {
    fn visit_expr_unsafe(&mut self, _: &'a syn::ExprUnsafe) {
        self.0 = true;
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        self.0 |= signature.unsafety.is_some();
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        self.0 |= item.unsafety.is_some();
        visit::visit_item_impl(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'a syn::ItemForeignMod) {
        // without the word it is wasm-bindgen's, which checks what crosses the border
        self.0 |= item.unsafety.is_some();
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let tokens = call.tokens.to_string();
        self.0 |= tokens
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "unsafe");
    }
}

fn is_unsafe(source: &Source) -> bool {
    let mut found = Unsafe::default();
    found.visit_file(&source.file);
    found.0
}

#[test]
fn unsafe_code_stays_in_the_kernels() {
    for source in sources() {
        let path = source.path.display();
        assert!(!is_unsafe(&source), "src/{path} has unsafe code");
    }
    let kernels = sources_in(&root().join("kernels/src"));
    assert!(
        kernels.iter().any(is_unsafe),
        "the kernels' unsafe code is not found"
    );
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for X {}",
        "unsafe extern \"C\" { fn f(); }",
        "m! { unsafe { f() } }",
    ] {
        assert!(is_unsafe(&Source::new("ops/mod.rs", text)), "{text}");
    }
    let harmless = "/// unsafe\nfn f() { g(\"unsafe\"); } // unsafe";
    assert!(!is_unsafe(&Source::new("ops/mod.rs", harmless)));
}
