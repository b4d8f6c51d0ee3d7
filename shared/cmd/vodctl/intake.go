package main

import (
	"cmp"
	"errors"
	"fmt"

	"vodcurator/shared/manifest"
	"vodcurator/shared/video"
)

// intake is what a function's environment in the manifest says of the metadata queue.
type intake struct{ queue, bulk, mode string }

func intakeOf(f manifest.Function) intake {
	return intake{queue: f.Env["METADATA_QUEUE"], bulk: f.Env["METADATA_BULK_QUEUE"], mode: cmp.Or(f.Env["METADATA_INTAKE"], "push")}
}

// checkIntake refuses two intakes on the metadata queue, which are two writers, and none
// at all: the function itself sees only what triggers it.
func checkIntake(m manifest.Manifest) (intake, error) {
	metadata, _ := m.Function("metadata")
	want := intakeOf(metadata)
	if want.queue == "" {
		return want, fmt.Errorf("%w: no function metadata with a METADATA_QUEUE", video.ErrNotFound)
	}
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if want.mode != "push" && want.mode != "pull" {
		wrong("metadata: METADATA_INTAKE is %q, want push or pull", want.mode)
	}
	if want.bulk == want.queue {
		wrong("metadata: METADATA_BULK_QUEUE and METADATA_QUEUE are both %s", want.queue)
	}
	intakes := 0
	for _, f := range m.Functions {
		mine := f.Resource == "metadata"
		if !mine {
			faults = append(faults, want.disagreements(f)...)
		}
		for _, t := range f.Triggers {
			is, err := want.intake(t, mine)
			if err != nil {
				wrong("%s: trigger %s: %w", f.Resource, t.Name, err)
			} else if is {
				if intakes++; intakes > 1 {
					wrong("metadata: trigger %s: a second intake", t.Name)
				}
			}
		}
	}
	if intakes == 0 {
		wrong("metadata: METADATA_INTAKE is %s, and there is no %s", want.mode,
			map[string]string{"push": "EventBridge trigger that takes from " + want.queue, "pull": "timer"}[want.mode])
	}
	return want, errors.Join(faults...)
}

// disagreements are where the environment of another function does not fit metadata's.
func (want intake) disagreements(f manifest.Function) (faults []error) {
	got := intakeOf(f)
	if got.queue != want.queue {
		return nil
	}
	if got.mode == "pull" {
		faults = append(faults, fmt.Errorf("%s: METADATA_INTAKE is pull: a second function that takes from %s", f.Resource, want.queue))
	}
	if got.bulk != want.bulk {
		faults = append(faults, fmt.Errorf("%s: METADATA_BULK_QUEUE is %q, and that of metadata is %q", f.Resource, got.bulk, want.bulk))
	}
	return faults
}

// intake says whether a trigger is metadata's intake, and what is wrong if it may not be there.
func (want intake) intake(t manifest.Trigger, mine bool) (bool, error) {
	takes := t.Queue() == want.queue
	switch {
	case t.Off():
		return false, nil
	case want.bulk != "" && t.Queue() == want.bulk:
		return false, fmt.Errorf("takes from %s, which metadata itself does", want.bulk)
	case !mine && takes:
		return false, fmt.Errorf("a second function that takes from %s", want.queue)
	case !mine, want.mode == "push" && t.Type == "mns_topic": // a topic is no second reader of the queue
		return false, nil
	case want.mode == "push" && takes, want.mode == "pull" && t.Type == "timer":
		return true, nil
	}
	return false, fmt.Errorf("is of type %s, and METADATA_INTAKE is %s", t.Type, want.mode)
}
