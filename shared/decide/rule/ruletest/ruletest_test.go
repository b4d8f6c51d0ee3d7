package ruletest_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule/ruletest"
)

func TestTheKeysOfAFileAndOfItsSchemaAreListedAlike(t *testing.T) {
	type line struct {
		When string `yaml:"when"`
		Also *struct {
			Not []string `yaml:"not"`
		} `yaml:"also"`
	}
	type file struct {
		Rows []line `yaml:"rows"`
		Name string `yaml:"name"`
	}
	want := []string{"name", "rows", "rows[].also", "rows[].also.not", "rows[].when"}
	require.Equal(t, want, ruletest.Keys(reflect.TypeFor[file]()))
	got, err := ruletest.SchemaKeys([]byte(`{"additionalProperties": false, "properties": {
		"rows": {"type": "array", "items": {"$ref": "#/$defs/line"}}, "name": {"type": "string"}},
		"$defs": {"line": {"additionalProperties": false, "properties": {"when": {}, "also": {"additionalProperties": false, "properties": {"not": {"items": {}}}}}}}}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestASchemaThatAllowsWhatItDoesNotNameIsAnError(t *testing.T) {
	for schema, want := range map[string]string{
		`{`:                         "unexpected end of JSON input",
		`{"properties": {"a": {}}}`: " allows keys it does not name",
		`{"properties": {"a": {}}, "additionalProperties": true}`:                                    " allows keys it does not name",
		`{"additionalProperties": false, "properties": {"a": {"properties": {"b": {}}}}}`:            "a allows keys it does not name",
		`{"additionalProperties": false, "properties": {"a": {"items": {"properties": {"b": {}}}}}}`: "a[] allows keys it does not name",
	} {
		_, err := ruletest.SchemaKeys([]byte(schema))
		require.EqualError(t, err, want, schema)
	}
	keys, err := ruletest.SchemaKeys([]byte(`{}`))
	require.NoError(t, err)
	require.Empty(t, keys)
}
