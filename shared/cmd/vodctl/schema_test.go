package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/tagging"
)

// The schemas that `show schema` prints for editors accept what parses, and refuse
// what a schema can tell to be wrong.
func TestTheSchemasAcceptWhatParsesAndRefuseTheBadFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		command string
		parse   func(name string, text []byte) error
		good    []string // patterns of files below shared/decide and testdata
		bad     []string
	}{
		"rules": {
			parse: func(name string, text []byte) error { _, err := tagging.Parse(name, text); return err },
			good:  []string{"../../decide/tagging/default.yaml", "../../decide/tagging/testdata/every-key.yaml"},
			bad: []string{
				"rules: []", "rules: [{name: a}]", "ruls: []", "rules: [{name: a, when: true, ad: [x]}]",
				"rules: [{name: a, when: true, stop: 7}]", "fields: {tags: overwrite}\nrules: [{name: a, when: true}]",
				"rules: [{name: a, when: true, add: x}]", "rules: [{name: a, when: true}]\ntests: [{name: a, expect: {}}]",
			},
		},
		"policy": {
			parse: func(name string, text []byte) error { _, err := retention.Parse(name, text); return err },
			good: []string{
				"../../decide/retention/default.yaml", "../../decide/retention/testdata/every-key.yaml",
				"../../../testdata/policies/*.yaml", "../../../testdata/plans/*/policy.yaml",
			},
			bad: []string{
				"grace: 3d", "rules: [{name: a, older_than: 1d}]", "rules: [{name: a, older_than: 1d, remove: {}}]", "ruls: []",
				"rules: [{name: a, older_than: soon, remove: {video: true}}]", "rules: [{name: a, older_than: 1d, remove: {images: [Cover]}}]",
				"quotas: [{name: a, above: 1GB}]", "approve: me\nrules: [{name: a, older_than: 1d, remove: {source: {}}}]",
				"guards: {percent: 0}\nrules: [{name: a, older_than: 1d, remove: {source: {}}}]",
				"holds: {tags: keep}\nrules: [{name: a, older_than: 1d, remove: {source: {}}}]",
				"keep: [{name: k, newest: 0}]\nrules: [{name: a, older_than: 1d, remove: {source: {}}}]",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, text, errs := vodctl(t, nil, name, "show", "schema")
			require.Zero(t, code, errs)
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
			require.NoError(t, err)
			c := jsonschema.NewCompiler()
			require.NoError(t, c.AddResource("file.schema.json", doc))
			schema, err := c.Compile("file.schema.json")
			require.NoError(t, err)
			check := func(raw []byte) error {
				asJSON, err := yaml.YAMLToJSON(raw)
				require.NoError(t, err)
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
				require.NoError(t, err)
				return schema.Validate(value)
			}
			for _, pattern := range tc.good {
				files, err := filepath.Glob(pattern)
				require.NoError(t, err)
				require.NotEmpty(t, files, pattern)
				for _, file := range files {
					raw, err := os.ReadFile(file)
					require.NoError(t, err)
					require.NoError(t, tc.parse(file, raw), file)
					require.NoError(t, check(raw), file)
				}
			}
			if name == "policy" {
				readme, err := os.ReadFile("../../../README.md")
				require.NoError(t, err)
				_, shown, _ := strings.Cut(string(readme), "<!-- policy: begin -->\n```yaml\n")
				shown, _, ok := strings.Cut(shown, "```\n<!-- policy: end -->")
				require.True(t, ok)
				require.NoError(t, tc.parse("README.md", []byte(shown)))
				require.NoError(t, check([]byte(shown)))
			}
			for _, bad := range tc.bad {
				require.Error(t, check([]byte(bad)), bad)
				require.Error(t, tc.parse("bad.yaml", []byte(bad)), bad)
			}
		})
	}
}
