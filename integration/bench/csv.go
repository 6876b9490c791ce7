package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
)

// columns of the CSV file, which has a line for each single measurement.
var columns = []struct {
	name  string
	value func(sample) string
}{
	{"ini", func(s sample) string { return s.ini }},
	{"app", func(s sample) string { return s.app }},
	{"server", func(s sample) string { return s.contestant }},
	{"round", func(s sample) string { return strconv.Itoa(s.round) }},
	{"conns", func(s sample) string { return strconv.Itoa(s.load.conns) }},
	{"constant_rate", func(s sample) string { return strconv.Itoa(s.load.rate) }},
	{"requests", func(s sample) string { return strconv.Itoa(s.requests) }},
	{"req_s", func(s sample) string { return number(s.rate) }},
	{"p50_ms", func(s sample) string { return ms(s.p50) }},
	{"p99_ms", func(s sample) string { return ms(s.p99) }},
	{"p999_ms", func(s sample) string { return ms(s.p999) }},
	{"max_ms", func(s sample) string { return ms(s.max) }},
	{"generator_late_p99_ms", func(s sample) string { return ms(s.late) }},
	{"errors", func(s sample) string { return strconv.Itoa(s.errors) }},
	{"missed", func(s sample) string { return strconv.Itoa(s.missed) }},
	{"server_cpu_s_per_10k", func(s sample) string { return number(s.serverCPU) }},
	{"php_cpu_s_per_10k", func(s sample) string { return number(s.phpCPU) }},
	{"server_pss_mb", func(s sample) string { return number(s.serverPSS) }},
	{"php_pss_mb_each", func(s sample) string { return number(s.phpPSS) }},
	{"steal_percent", func(s sample) string { return number(100 * s.steal) }},
	{"foreign_percent", func(s sample) string { return number(100 * s.foreign) }},
}

func number(f float64) string { return fmt.Sprintf("%.2f", f) }

func writeCSV(path string, samples []sample) error {
	var record []string
	for _, c := range columns {
		record = append(record, c.name)
	}
	records := [][]string{record}
	for _, s := range samples {
		var record []string
		for _, c := range columns {
			record = append(record, c.value(s))
		}
		records = append(records, record)
	}
	return writeRecords(path, records)
}

// writeScaleCSV has a line for each value of the large numbers.
func writeScaleCSV(path string, lines []scaled) error {
	records := [][]string{{"test", "server", "line", "column", "value"}}
	for n, line := range lines {
		for _, test := range scaleTests {
			if test.name != line.test {
				continue
			}
			for i, column := range test.columns {
				records = append(records, []string{line.test, line.contestant, strconv.Itoa(n + 1), column, line.values[i]})
			}
		}
	}
	return writeRecords(path, records)
}

func writeRecords(path string, records [][]string) error {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(records); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
