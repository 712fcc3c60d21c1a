;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Answers the host, which asks where to put an argument, with places that cannot be, or never.
(component
  (core module $m
    (memory (export "mem") 1)
    (func (export "realloc-beyond-memory") (param i32 i32 i32 i32) (result i32) (i32.const 0x7ffffff0))
    (func (export "realloc-misaligned") (param i32 i32 i32 i32) (result i32) (i32.const 1025))
    (func (export "realloc-breaks") (param i32 i32 i32 i32) (result i32) (unreachable))
    (func (export "realloc-spins") (param i32 i32 i32 i32) (result i32) (loop $l (br $l)) (unreachable))
    (func (export "realloc-last-bytes") (param i32 i32 i32 i32) (result i32) (i32.const 65535))
    (func (export "take") (param i32 i32) (result i32) (local.get 1)))
  (core instance $i (instantiate $m))
  (func (export "beyond-memory") (param "words" (list u32)) (result u32) (canon lift (core func $i "take") (memory (core memory $i "mem")) (realloc (core func $i "realloc-beyond-memory"))))
  (func (export "misaligned") (param "words" (list u32)) (result u32) (canon lift (core func $i "take") (memory (core memory $i "mem")) (realloc (core func $i "realloc-misaligned"))))
  (func (export "breaks") (param "words" (list u32)) (result u32) (canon lift (core func $i "take") (memory (core memory $i "mem")) (realloc (core func $i "realloc-breaks"))))
  (func (export "spins") (param "words" (list u32)) (result u32) (canon lift (core func $i "take") (memory (core memory $i "mem")) (realloc (core func $i "realloc-spins"))))
  (func (export "last-bytes") (param "words" (list u32)) (result u32) (canon lift (core func $i "take") (memory (core memory $i "mem")) (realloc (core func $i "realloc-last-bytes")))))
