package localcloud_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// testdata/example is a module of somebody else's, with the provider's client and this
// package alone. Its test runs its program too. After a change of versions in go.mod,
// `go mod tidy` in that folder mends it.
func TestAnotherModuleUsesTheLocalCloud(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", ".")
	cmd.Dir = filepath.Join("testdata", "example")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
