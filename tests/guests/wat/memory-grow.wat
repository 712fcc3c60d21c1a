;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Takes memory without end, page by page, and touches it.
(component
  (core module $m
    (memory 1)
    (func (export "run") (result i32) (local $at i32)
      (loop $l
        (local.set $at (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))
        (i32.store (local.get $at) (i32.const 1))
        (br $l))
      (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
