/** What a visitor may have to download, in bytes. */

// 935 KB; 920 KB before wav2vec 2.0, CLIP and SigLIP; 901 KB before it read sounds and pictures, and listened; 891 KB before it
// knew families of sound and pictures; 867 KB before contrastive steps, heads fitted in one go, texts read apart and warm starts; 844 KB before
// several workers computed one text (8 KB), a start did its parts at the same time (8), and training went back in integers (5); 772 KB before
// it read every layout of adapter and model folders, windows over long texts, and the pooler.
/** The engine after brotli. */
export const ENGINE = 937_000;

/** Modules, and what each may weigh after brotli. A visitor downloads one of the first two, and the last with the first file of rows. */
export const MODULES = {
  "target/wasm-pkg/graftlet_simd128.wasm": ENGINE,
  "target/wasm-pkg/graftlet_relaxed.wasm": ENGINE,
  "target/rows-pkg/graftlet_rows_bg.wasm": 200_000,
};
