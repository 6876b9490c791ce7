package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

var iniTitles = map[string]string{
	sameINI: "The same php.ini for all",
	ownINI:  "Each product's own defaults",
}

// report prints the tables and, where asked, writes them to files.
func (e *environment) report(samples []sample, large []scaled, complete bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmark of %s\n\n%s\n", time.Now().Format("2 January 2006"), e.about())
	if !complete {
		b.WriteString("\n**Incomplete**: something failed or was interrupted.\n")
	}
	for _, ini := range e.plan.inis {
		if len(samples) == 0 {
			break
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", iniTitles[ini], aboutINI(ini))
		for _, app := range e.plan.apps {
			e.writeApplication(&b, app, ini, summarize(samples, ini, app.name))
		}
	}
	writeScale(&b, large)
	fmt.Print(b.String())
	if e.plan.out == "" {
		return nil
	}
	if err := os.MkdirAll(e.plan.out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.plan.out, "results.md"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	if len(large) > 0 {
		if err := writeScaleCSV(filepath.Join(e.plan.out, "scale.csv"), large); err != nil {
			return err
		}
	}
	return writeCSV(filepath.Join(e.plan.out, "results.csv"), samples)
}

func writeScale(b *strings.Builder, lines []scaled) {
	if len(lines) > 0 {
		b.WriteString("\n## Large numbers\n")
	}
	for _, test := range scaleTests {
		var rows strings.Builder
		for _, line := range lines {
			if line.test == test.name {
				fmt.Fprintf(&rows, "| %s | %s |\n", line.contestant, strings.Join(line.values, " | "))
			}
		}
		if rows.Len() > 0 {
			fmt.Fprintf(b, "\n### %s\n\n%s\n\n| server | %s |\n|---|%s\n%s", test.name, test.about,
				strings.Join(test.columns, " | "), strings.Repeat("---|", len(test.columns)), rows.String())
		}
	}
}

func aboutINI(ini string) string {
	if ini == ownINI {
		return "No setting of php.ini is passed to anybody."
	}
	var words []string
	for _, setting := range sharedINI {
		words = append(words, "`"+setting[0]+"="+setting[1]+"`")
	}
	return strings.Join(words, ", ")
}

func (e *environment) writeApplication(b *strings.Builder, app application, ini string, results []result) {
	var closed, open []result
	for _, r := range results {
		if r.load.rate > 0 {
			open = append(open, r)
		} else {
			closed = append(closed, r)
		}
	}
	if len(results) > 0 {
		fmt.Fprintf(b, "\n### %s\n\n%s\n", app.name, app.about)
	}
	if len(closed) > 0 {
		writeClosed(b, closed)
		e.writeRatios(b, closed)
	}
	if len(open) > 0 {
		fmt.Fprintf(b, "\n%s at a constant rate, latency from when a request was due:\n", app.name)
		writeOpen(b, open)
		e.writeRatios(b, open)
	}
}

func writeClosed(b *strings.Builder, results []result) {
	b.WriteString("\n| load | server | req/s | min–max | p50 ms | p99 ms | p99.9 ms | server CPU s/10k | PHP CPU s/10k | server PSS MB | PHP PSS MB each | errors | steal % | foreign % |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(b, "| %s | %s | %.0f | %.0f–%.0f | %s | %s | %s | %.2f | %.2f | %.1f | %.1f | %d | %.0f | %.0f |\n", r.load, r.contestant,
			r.rate, r.lowest, r.highest, ms(r.p50), ms(r.p99), ms(r.p999), r.serverCPU, r.phpCPU, r.serverPSS, r.phpPSS, r.errors, 100*r.steal, 100*r.foreign)
	}
}

func writeOpen(b *strings.Builder, results []result) {
	b.WriteString("\n| load | server | answered/s | p50 ms | p99 ms | p99.9 ms | max ms | errors | missed | server CPU s/10k | PHP CPU s/10k | generator late, p99 ms | steal % | foreign % |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(b, "| %s | %s | %.0f | %s | %s | %s | %s | %d | %d | %.2f | %.2f | %s | %.0f | %.0f |\n", r.load, r.contestant,
			r.rate, ms(r.p50), ms(r.p99), ms(r.p999), ms(r.max), r.errors, r.missed, r.serverCPU, r.phpCPU, ms(r.late), 100*r.steal, 100*r.foreign)
	}
}
