package conformance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakevod"
)

// storage shows what takes time in storage classes: the clock is moved between the calls.
func storage(t *testing.T, d dossier) {
	const change, restore = "UpdateMediaStorageClass", "RestoreMedia"
	day := 24 * time.Hour
	f := newFace(t, func(o *fakevod.Options) { o.ClassDelay, o.RestoreDelay = time.Minute, time.Hour })
	ask := func(op string, params ...string) {
		t.Helper()
		require.Equal(t, "200", f.try(t, f.clients[""], op, params...), "%v", f.body)
	}
	in := func(id, class string, age time.Duration) {
		t.Helper()
		require.NoError(t, f.VOD.Restore(f.saved))
		require.True(t, f.VOD.SetClass(id, class, f.Now().Add(-age)))
	}
	status := func(field, want string) {
		t.Helper()
		ask("GetVideoInfo", "VideoId", "v")
		f.check(t, "Video."+field+"="+want)
	}
	limit := func(op string, names ...string) {
		for _, name := range names {
			d.pass("VOD", op, "limit", name)
		}
	}

	// A change is seen while it is under way, and the asset is left alone.
	in("v", "Standard", 0)
	ask(change, "MediaIds", "v", "StorageClass", "IA")
	status("StorageClass", "Changing")
	for call, params := range map[string][]string{"SubmitTranscodeJobs": vodBase["SubmitTranscodeJobs"], "SubmitSnapshotJob": vodBase["SubmitSnapshotJob"], "DeleteStream": vodBase["DeleteStream"]} {
		require.Equal(t, "400 Forbidden.IllegalStatus", f.try(t, f.clients[""], call, params...))
	}
	ask("DeleteVideo", "VideoIds", "v")
	f.check(t, "ForbiddenVideoIds.0=v")
	ask("DeleteMezzanines", "VideoIds", "v")
	f.check(t, "UnRemoveableVideoIds.0=v")
	ask(change, "MediaIds", "v", "StorageClass", "Archive")
	f.check(t, "Status=Failed")
	f.check(t, "ForbiddenList.MediaForbiddenReasonDTO.0.MediaId=v")
	f.Advance(2 * time.Minute)
	status("StorageClass", "IA")
	limit(change, "what is changing is refused to every call that changes files")

	// The minimum time, and who pays for the rest of it.
	for class, days := range map[string]int{"IA": 30, "SourceArchive": 60, "ColdArchive": 180} {
		for _, one := range []struct {
			age   time.Duration
			allow string
			want  string
		}{{time.Duration(days)*day - time.Hour, "", "Failed"}, {time.Duration(days)*day - time.Hour, "true", "Processing"}, {time.Duration(days) * day, "false", "Processing"}} {
			in("v", class, one.age)
			ask(change, "MediaIds", "v", "StorageClass", "Standard", "AllowUpdateWithoutTimeLimit", one.allow)
			f.check(t, "Status="+one.want)
		}
		limit(change, fmt.Sprint("a minimum of ", days, " days in ", class))
	}
	d.pass("VOD", change, "parameter", "AllowUpdateWithoutTimeLimit")

	// Cold Archive is restored at the pace that was asked for, before a change and by itself.
	for tier, hours := range map[string]int{"Expedited": 1, "": 5, "Standard": 5, "Bulk": 12} {
		wait := time.Duration(hours) * time.Hour
		in("v", "ColdArchive", 200*day)
		ask(change, "MediaIds", "v", "StorageClass", "Standard", "RestoreTier", tier)
		f.Advance(wait)
		status("StorageClass", "Changing")
		f.Advance(2 * time.Minute)
		status("StorageClass", "Standard")
		in("v", "ColdArchive", 200*day)
		ask(restore, "MediaIds", "v", "RestoreTier", tier, "RestoreDays", "365")
		f.Advance(wait - time.Minute)
		status("RestoreStatus", "Processing")
		require.Equal(t, "403 Forbidden.IllegalStatus", f.try(t, f.clients[""], "GetPlayInfo", "VideoId", "v"))
		f.Advance(2 * time.Minute)
		status("RestoreStatus", "Success")
		ask("GetPlayInfo", "VideoId", "v")
	}
	d.pass("VOD", change, "parameter", "RestoreTier")
	d.pass("VOD", restore, "parameter", "RestoreTier")

	// A restore of the source alone serves no stream; when it ends the asset is archived again.
	in("v", "Archive", day)
	ask(restore, "MediaIds", "v", "Scope", "SourceFile", "RestoreDays", "2")
	f.Advance(61 * time.Minute)
	require.Equal(t, "403 Forbidden.IllegalStatus", f.try(t, f.clients[""], "GetPlayInfo", "VideoId", "v"))
	ask("SubmitSnapshotJob", "VideoId", "v")
	f.Advance(2 * day)
	require.Equal(t, "400 Forbidden.IllegalStatus", f.try(t, f.clients[""], "SubmitSnapshotJob", "VideoId", "v"))
	d.pass("VOD", restore, "parameter", "Scope")
	limit(restore, "a restore ends after RestoreDays")
	in("v", "SourceArchive", day)
	ask("GetPlayInfo", "VideoId", "v")
	limit(restore, "streams of a source that is archived alone play")

	other := newFace(t, func(o *fakevod.Options) { o.Region = "eu-central-1" })
	for _, op := range []string{change, restore} {
		require.Equal(t, "404 InvalidApi.NotFound", other.try(t, other.clients[""], op, vodBase[op]...))
		limit(op, "in four regions")
	}
}
