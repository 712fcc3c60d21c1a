;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Answers, and breaks when it is told that the answer was read.
(component
  (core module $m
    (memory (export "mem") 1)
    (func (export "run") (result i32) (i32.const 8))
    (func (export "after") (param i32) unreachable)
    (func (export "after-spin") (param i32) (loop $l (br $l))))
  (core instance $i (instantiate $m))
  (func (export "breaks") (result string) (canon lift (core func $i "run") (memory (core memory $i "mem")) (post-return (core func $i "after"))))
  (func (export "spins") (result string) (canon lift (core func $i "run") (memory (core memory $i "mem")) (post-return (core func $i "after-spin")))))
