package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRulesBecomeCurrentAndAreTakenBack(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"STATE": "file:" + dir, "RULES_FILE": "texts/rules.yaml", "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456"}
	name := filepath.Join(t.TempDir(), "rules.yaml")
	write := func(rule string) string {
		text := "rules:\n  - {name: " + rule + ", when: duration < 60, add: [short]}\n"
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return text
	}
	current := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "texts", "rules.yaml"))
		require.NoError(t, err)
		return string(text)
	}
	first := write("first")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "gone", "2026-11-28"), 0o700))
	mark := filepath.Join(dir, "gone", "2026-11-28", strings.Repeat("a", 64)) // a state in use
	require.NoError(t, os.WriteFile(mark, []byte("{}"), 0o600))
	code, out, errs := vodctl(t, env, "rules", "activate", name, "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "version 1 is current: texts/rules.yaml")
	require.Equal(t, first, current())
	second := write("second")
	code, _, errs = vodctl(t, env, "rules", "activate", name)
	require.Equal(t, 2, code, "nobody typed the key")
	require.Contains(t, errs, "texts/rules.yaml")
	code, _, errs = vodctl(t, env, "rules", "activate", name, "--yes", "--note", "\x1b[31mred")
	require.Zero(t, code, errs)
	require.Equal(t, second, current())
	code, _, errs = vodctl(t, env, "rules", "activate", "1", "--yes")
	require.Zero(t, code, errs)
	require.Equal(t, first, current())
	code, out, errs = vodctl(t, env, "rules", "versions")
	require.Zero(t, code, errs)
	require.NotContains(t, out, "\x1b[31m")
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 4, out)
	require.NoError(t, os.WriteFile(name, []byte("rules: ["), 0o600))
	code, _, errs = vodctl(t, env, "rules", "activate", name, "--yes")
	require.NotZero(t, code)
	require.Contains(t, errs, "not YAML")
	require.Equal(t, first, current())
	delete(env, "RULES_FILE")
	code, _, errs = vodctl(t, env, "rules", "activate", "1", "--yes")
	require.NotZero(t, code)
	require.Contains(t, errs, "set RULES_FILE=rules.yaml")
}
