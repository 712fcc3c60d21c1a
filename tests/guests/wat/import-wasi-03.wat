;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Imports an interface of WASI 0.3.
(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $x (export "now" (func (result u64)))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
