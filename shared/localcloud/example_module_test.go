package localcloud_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// testdata/example is a module of somebody else's, with the provider's client and this
// package alone. It is run as they would run it: after a change of versions in go.mod,
// `go mod tidy` in that folder mends it.
func TestAnotherModuleUsesTheLocalCloud(t *testing.T) {
	for _, args := range [][]string{{"run", "."}, {"test", "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = filepath.Join("testdata", "example")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		if args[0] == "run" {
			require.Equal(t, "Harbour <nil>\n", string(out))
		}
	}
}
