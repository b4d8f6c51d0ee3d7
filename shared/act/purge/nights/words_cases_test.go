package nights_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheOracleKnowsAHoldInEveryDress(t *testing.T) {
	now := time.Date(2026, 6, 1, 20, 0, 0, 0, time.UTC)
	words := []string{"keep", "legal-hold"}
	for tag, want := range map[string]string{
		"keep": "exact", "KEEP": "exact", "ｋｅｅｐ": "exact", "kee\u200bp": "exact", "\ufeffkeep": "exact", "keep\u00a0": "exact",
		"\u212aeep": "exact", "keep，film": "exact", "film、keep": "exact", "film،keep": "exact", "legal\u2011hold": "exact", "LEGAL－HOLD": "exact",
		"le\u00adgal-hold": "exact", "legal hold": "near", "legal_hold": "near",
		"temp": "", "keeper": "", "upkeep": "", "film": "",
		"hold-until:2026-06-02": "exact", "hold-until:2026/12/31": "exact", "hold-until:20261231": "exact", "ｈｏｌｄ－ｕｎｔｉｌ：２０２６－１２－３１": "exact",
		"Hold‑Until:2026-12-31": "exact", "hold-until:soon": "exact", "hold-until:2026-13-01": "exact", "hold-until:2026-05-31": "", "hold-until:2026-06-01": "",
		"holduntil:2026-12-31": "near", "hold until:2026-12-31": "near", "hold_until:2026-12-31": "near", "hold-until\u200b:2026-12-31": "exact",
	} {
		exact, near := heldBy(tag, words, until, now)
		got := map[bool]string{true: "exact"}[exact != ""]
		if got == "" && near != "" {
			got = "near"
		}
		require.Equal(t, want, got, "%+q", tag)
	}
}
