package tagging_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/tagging"
)

type node struct {
	Ref        string          `json:"$ref"`
	Properties map[string]node `json:"properties"`
	Items      *node           `json:"items"`
	Extra      json.RawMessage `json:"additionalProperties"`
	Defs       map[string]node `json:"$defs"`
}

// TestTheSchemaNamesTheFieldsOfTheTypesAndNoOther keeps the schema for editors equal
// to what the file is read into.
func TestTheSchemaNamesTheFieldsOfTheTypesAndNoOther(t *testing.T) {
	var root node
	require.NoError(t, json.Unmarshal(tagging.Schema(), &root))
	looked := 0
	var compare func(path string, n node, typ reflect.Type)
	compare = func(path string, n node, typ reflect.Type) {
		if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
			n = root.Defs[name]
		}
		switch typ.Kind() {
		case reflect.Pointer:
			compare(path, n, typ.Elem())
		case reflect.Slice:
			require.NotNil(t, n.Items, path)
			compare(path+"[]", *n.Items, typ.Elem())
		case reflect.Struct:
			var want, got []string
			for i := range typ.NumField() {
				name := typ.Field(i).Tag.Get("yaml")
				want = append(want, name)
				if sub, ok := n.Properties[name]; ok {
					compare(path+"."+name, sub, typ.Field(i).Type)
				}
			}
			for name := range n.Properties {
				got = append(got, name)
			}
			slices.Sort(want)
			slices.Sort(got)
			require.Equal(t, want, got, path)
			require.Equal(t, "false", string(n.Extra), "%s: the file is strict, so is the schema", path)
			looked += len(want)
		}
	}
	compare("$", root, tagging.FileType)
	t.Logf("%d keys compared", looked)
}

func TestTheSchemaAcceptsWhatParsesAndRefusesTheBadFiles(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(tagging.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("rules.schema.json", doc))
	schema, err := c.Compile("rules.schema.json")
	require.NoError(t, err)
	check := func(raw []byte) error {
		asJSON, err := yaml.YAMLToJSON(raw)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		require.NoError(t, err)
		return schema.Validate(value)
	}
	require.NoError(t, check(tagging.DefaultFile()))
	raw, err := os.ReadFile("testdata/every-key.yaml")
	require.NoError(t, err)
	rules, err := tagging.Parse("every-key.yaml", raw)
	require.NoError(t, err)
	for _, r := range rules.Test(os.DirFS("testdata")) {
		require.Empty(t, r.Faults, r.Name)
	}
	require.NoError(t, check(raw))
	for _, bad := range []string{
		"rules: []", "rules: [{name: a}]", "ruls: []", "rules: [{name: a, when: true, ad: [x]}]",
		"rules: [{name: a, when: true, stop: 7}]", "fields: {tags: overwrite}\nrules: [{name: a, when: true}]",
		"rules: [{name: a, when: true, add: x}]", "rules: [{name: a, when: true}]\ntests: [{name: a, expect: {}}]",
	} {
		require.Error(t, check([]byte(bad)), bad)
	}
}
