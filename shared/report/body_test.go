package report_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/report"
)

func TestABodyIsShownSafely(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":["b"]}`:              "{\n  \"a\": [\n    \"b\"\n  ]\n}",
		"{\"a\":\"\u202eb\"}":      "{\n  \"a\": \"\\u202eb\"\n}",
		"\x1b[2J not\nJSON \u202e": `"\x1b[2J not\nJSON \u202e"`,
		"\xff\x00":                 "ff 00",
		"":                         `""`,
	} {
		require.Equal(t, want, report.Body([]byte(body)), "%q", body)
	}
}
