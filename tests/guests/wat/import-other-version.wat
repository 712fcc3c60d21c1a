;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Imports the contract in a version that this host does not have.
(component
  (import "priory:agent/log@9.0.0" (instance $x (export "shout" (func))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
