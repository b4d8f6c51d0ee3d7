package events_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

func TestTheReadmesMessageIsOne(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(readme), "## Metadata messages\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n\n")
	m, err := events.DecodeMetadata([]byte(text))
	require.NoError(t, err)
	require.Len(t, m.Changes, 1)
	require.NoError(t, m.Changes[0].Check())
}
