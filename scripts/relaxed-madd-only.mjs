// Takes every relaxed instruction out of a module, in place, but for those that the kernels name: the multiply-add and
// the dot product.
//
//   node scripts/relaxed-madd-only.mjs MODULE.wasm
//
// LLVM 22, allowed to use relaxed SIMD, emits `relaxed_min` and `relaxed_max` wherever code compares two numbers and
// takes one of them. Which one that is when either is NaN is then up to the machine (a softmax over NaN gave numbers
// on x86-64). `pmin` and `pmax` are what such code means, and their opcodes are as long.
import { readFileSync, writeFileSync } from "node:fs";

const MADD = 0x105; // f32x4.relaxed_madd
const DOT = 0x113; // i32x4.relaxed_dot_i8x16_i7x16_add_s
const PLAIN = new Map([
  [0x10d, 0xea], // f32x4.relaxed_min, f32x4.pmin
  [0x10e, 0xeb], // f32x4.relaxed_max, f32x4.pmax
  [0x10f, 0xf6], // f64x2.relaxed_min, f64x2.pmin
  [0x110, 0xf7], // f64x2.relaxed_max, f64x2.pmax
]);
const isRelaxed = (opcode) => opcode >= 0x100 && opcode <= 0x114;
const CODE = 10;

const file = process.argv[2];
const bytes = readFileSync(file);
let at = 8; // magic and version
let madds = 0;
let dots = 0;
let replaced = 0;

while (at < bytes.length) {
  const id = bytes[at++];
  const end = leb() + at;
  if (id === CODE) for (let functions = leb(); functions > 0; functions--) body();
  at = end;
}
if (madds === 0) throw new Error(`${file} has no relaxed multiply-add: was it built for relaxed SIMD?`);
writeFileSync(file, bytes);
console.log(
  `${file}: ${madds} relaxed multiply-adds and ${dots} dot products stay, ${replaced} relaxed minima and maxima made plain`,
);

function leb() {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

function lebs(count) {
  for (; count > 0; count--) leb();
}

/** Alignment (its sixth bit: a memory's index follows) and offset. */
function memory() {
  if (leb() & 0x40) leb();
  leb();
}

function body() {
  const end = leb() + at;
  for (let groups = leb(); groups > 0; groups--) lebs(2); // locals: count and type
  while (at < end) instruction();
}

/** Passes an instruction with its immediates (WebAssembly 2.0, 5.4, with tail calls and relaxed SIMD). */
function instruction() {
  const opcode = bytes[at++];
  if (opcode === 0xfd) vectorInstruction();
  else if (opcode === 0xfc) {
    const extended = leb();
    lebs(extended < 8 ? 0 : [8, 10, 12, 14].includes(extended) ? 2 : 1);
  } else if (opcode >= 0x28 && opcode <= 0x3e) memory();
  else if (opcode >= 0x45 && opcode <= 0xc4) return;
  else if ([0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1].includes(opcode)) return;
  else if (opcode === 0x11 || opcode === 0x13) lebs(2); // call_indirect
  else if (opcode === 0x0e) lebs(leb() + 1); // br_table
  else if (opcode === 0x1c) lebs(leb()); // select with types
  else if (opcode === 0x43) at += 4;
  else if (opcode === 0x44) at += 8;
  else if (
    [0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10, 0x12, 0x3f, 0x40, 0x41, 0x42, 0xd0, 0xd2].includes(opcode) ||
    (opcode >= 0x20 && opcode <= 0x26)
  )
    leb();
  else throw new Error(`${file}: opcode ${opcode} at ${at - 1} is not known here`);
}

function vectorInstruction() {
  const start = at;
  const opcode = leb();
  if (opcode <= 0x0b || opcode === 0x5c || opcode === 0x5d) memory();
  else if (opcode === 0x0c || opcode === 0x0d) at += 16; // const, shuffle
  else if (opcode >= 0x15 && opcode <= 0x22) at += 1; // lane
  else if (opcode >= 0x54 && opcode <= 0x5b) {
    memory();
    at += 1; // lane
  } else if (opcode === MADD) madds++;
  else if (opcode === DOT) dots++;
  else if (PLAIN.has(opcode)) {
    const plain = PLAIN.get(opcode);
    bytes.set([(plain & 0x7f) | 0x80, plain >> 7], start);
    replaced++;
  } else if (isRelaxed(opcode)) {
    throw new Error(`${file}: relaxed instruction ${opcode} at ${start} has no plain counterpart here`);
  }
}
