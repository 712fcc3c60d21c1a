;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Takes memory without end in the start function.
(component
  (core module $m
    (memory 1)
    (func $grow (loop $l (drop (memory.grow (i32.const 16))) (br $l)))
    (start $grow)
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
