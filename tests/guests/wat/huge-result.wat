;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Returns as much as it is asked for, up to all of a large memory.
(component
  (core module $m
    (memory (export "mem") 512)
    (func $give (param $length i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (local.get $length))
      (i32.const 0))
    (func (export "text") (param i32) (result i32)
      (memory.fill (i32.const 1024) (i32.const 97) (local.get 0))
      (call $give (local.get 0)))
    (func (export "bytes") (param i32) (result i32) (call $give (local.get 0)))
    (func (export "empty-lists") (param i32) (result i32) (call $give (local.get 0)))
    (func (export "nothings") (param i32) (result i32) (call $give (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "text") (param "length" u32) (result string) (canon lift (core func $i "text") (memory (core memory $i "mem"))))
  (func (export "bytes") (param "length" u32) (result (list u8)) (canon lift (core func $i "bytes") (memory (core memory $i "mem"))))
  (func (export "nothings") (param "length" u32) (result (list (tuple u8 (option u8) (option u8)))) (canon lift (core func $i "nothings") (memory (core memory $i "mem"))))
  (func (export "empty-lists") (param "length" u32) (result (list (list string))) (canon lift (core func $i "empty-lists") (memory (core memory $i "mem")))))
