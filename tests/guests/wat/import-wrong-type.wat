;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Imports a function of the contract with another type.
(component
  (import "priory:agent/log@0.1.0" (instance $x (export "write" (func (param "x" u64)))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
