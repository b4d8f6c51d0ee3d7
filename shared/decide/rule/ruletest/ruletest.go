// Package ruletest compares what a reader of YAML files knows with the JSON Schema of the
// file. Tests use it, and nothing that is shipped.
package ruletest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Keys lists the keys that a file of this type may have, such as rules[].name, in
// byte order. With SchemaKeys it keeps a schema and what reads the file equal.
func Keys(file reflect.Type) []string {
	var keys []string
	var walk func(path string, t reflect.Type)
	walk = func(path string, t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer:
			walk(path, t.Elem())
		case reflect.Slice:
			walk(path+"[]", t.Elem())
		case reflect.Struct:
			for f := range t.Fields() {
				key := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
				keys = append(keys, key)
				walk(key, f.Type)
			}
		}
	}
	walk("", file)
	slices.Sort(keys)
	return keys
}

// SchemaKeys lists the keys that a JSON Schema names, as Keys does. An object that
// allows keys it does not name is an error: the files are strict, so are their schemas.
func SchemaKeys(schema []byte) ([]string, error) {
	type node struct {
		Ref        string          `json:"$ref"`
		Properties map[string]node `json:"properties"`
		Items      *node           `json:"items"`
		Extra      json.RawMessage `json:"additionalProperties"`
		Defs       map[string]node `json:"$defs"`
	}
	var root node
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, err
	}
	var keys []string
	var walk func(path string, n node) error
	walk = func(path string, n node) error {
		if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
			n = root.Defs[name]
		}
		if n.Items != nil {
			return walk(path+"[]", *n.Items)
		}
		if len(n.Properties) > 0 && string(n.Extra) != "false" {
			return fmt.Errorf("%s allows keys it does not name", path)
		}
		for name, sub := range n.Properties {
			key := strings.TrimPrefix(path+"."+name, ".")
			keys = append(keys, key)
			if err := walk(key, sub); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk("", root)
	slices.Sort(keys)
	return keys, err
}
