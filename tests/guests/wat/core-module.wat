;; SPDX-License-Identifier: MIT OR Apache-2.0
;; A core module, which is not a component.
(module (func (export "run") (result i32) (i32.const 1)))
