package localcloud

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Programs builds programs of this module for tests, each once, as make build does. With
// BUILT in the environment, which make test sets when it has built them, they are what
// lies there. The zero value is ready; Close removes what it built.
type Programs struct {
	mu    sync.Mutex
	dir   string
	built map[string]string
}

// Build answers the file of a program: the folder functions/NAME or shared/cmd/NAME
// below root, the module's folder.
func (p *Programs) Build(ctx context.Context, root, from string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	name, function := strings.CutPrefix(from, "functions/")
	file := filepath.Join(root, "functions", name, "target", "main")
	if !function {
		file = filepath.Join(root, ".bin", filepath.Base(from))
	}
	if os.Getenv("BUILT") != "" {
		return file, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.built[from] != "" {
		return p.built[from], nil
	}
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "built"); err != nil {
			return "", err
		}
		p.built = map[string]string{}
	}
	file = filepath.Join(p.dir, from, filepath.Base(file))
	cmd, err := BuildCommand(ctx, root, from, file)
	if err != nil {
		return "", err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", from, err, out)
	}
	p.built[from] = file
	return file, nil
}

// BuildCommand is the command that builds the program in the folder from below root, for this
// machine, into the file out, which a relative name puts below root. Where from is
// functions/NAME below the module's folder, functions/goflags says how, as for make.
func BuildCommand(ctx context.Context, root, from, out string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./"+from)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if !strings.HasPrefix(from, "functions/") {
		return cmd, nil
	}
	lines, err := os.ReadFile(filepath.Join(root, "functions", "goflags"))
	if err != nil {
		return nil, err
	}
	flags := os.Getenv("GOFLAGS")
	for line := range strings.Lines(string(lines)) {
		if !strings.HasPrefix(line, "#") {
			flags += " " + strings.TrimSpace(line)
		}
	}
	cmd.Args = []string{"go", "build", "-o", out, "./" + from}
	cmd.Env = append(cmd.Env, "GOFLAGS="+flags)
	return cmd, nil
}

// Close removes what was built. It may be called twice.
func (p *Programs) Close() error { return os.RemoveAll(p.dir) }
