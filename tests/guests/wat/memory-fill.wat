;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Burns by bulk instructions, which do much for one instruction.
(component
  (core module $m
    (memory 64)
    (func (export "run") (result i32)
      (loop $l
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 4194304))
        (memory.copy (i32.const 65536) (i32.const 0) (i32.const 4128768))
        (br $l))
      (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
