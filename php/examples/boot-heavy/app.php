<?php

declare(strict_types=1);

/**
 * An application whose boot is the expensive part: it reads a secret from Vault
 * and a feature flag from Flipt. It knows nothing about workers: worker.php boots
 * it once per process, index.php (PHP-FPM) once per request.
 *
 * Environment:
 *
 *     VAULT_ADDR, VAULT_TOKEN  the secret secret/app, key "greeting" (KV version 2)
 *     FLIPT_URL                the boolean flag "shout" in the namespace "default"
 *     FLAG_FILE                optional: a local snapshot of the flags, {"shout": true}
 *
 * The secret is read once. The flag must follow a change at once, but asking Flipt
 * over the network for every request would cost what the boot costs. Flipt's own
 * answer is client-side evaluation: its engine streams the state of the flags to
 * the application, which evaluates them from that local snapshot. FLAG_FILE stands
 * in for the snapshot: whoever changes the flag writes the file too. Reading a few
 * bytes that the kernel holds in memory takes some ten microseconds.
 */
final class App
{
    private string $snapshot = '';

    private function __construct(
        private readonly string $greeting,
        private bool $shout,
        private readonly ?string $flagFile,
        public readonly float $bootMilliseconds,
    ) {}

    /**
     * Makes exactly two HTTP calls, one after the other.
     *
     * @param array<string, mixed> $env see above
     *
     * @throws RuntimeException when a service does not give what the application needs
     */
    public static function boot(array $env): self
    {
        $start = hrtime(true);
        $vault = self::call(
            'GET',
            rtrim(self::need($env, 'VAULT_ADDR'), '/') . '/v1/secret/data/app',
            ['X-Vault-Token: ' . self::need($env, 'VAULT_TOKEN')],
        );
        $flipt = self::call(
            'POST',
            rtrim(self::need($env, 'FLIPT_URL'), '/') . '/evaluate/v1/boolean',
            ['Content-Type: application/json'],
            '{"namespaceKey":"default","flagKey":"shout","entityId":"boot-heavy","context":{}}',
        );

        return new self(
            $vault['data']['data']['greeting'] ?? throw new RuntimeException('the secret has no key "greeting"'),
            $flipt['enabled'] ?? throw new RuntimeException('Flipt did not say whether "shout" is enabled'),
            ($env['FLAG_FILE'] ?? '') === '' ? null : $env['FLAG_FILE'],
            (hrtime(true) - $start) / 1e6,
        );
    }

    /**
     * The text of the response.
     */
    public function answer(): string
    {
        $this->refresh();

        return $this->shout ? strtoupper($this->greeting) . "!\n" : $this->greeting . "\n";
    }

    /**
     * Takes the flag from the snapshot. The whole file is compared, not its time:
     * two changes within one second would look the same. A file that is missing,
     * or being written, changes nothing.
     */
    private function refresh(): void
    {
        $snapshot = $this->flagFile === null ? false : @file_get_contents($this->flagFile);
        if ($snapshot !== false && $snapshot !== $this->snapshot) {
            $this->snapshot = $snapshot;
            $this->shout = json_decode($snapshot, true)['shout'] ?? $this->shout;
        }
    }

    /**
     * @param list<string> $headers
     *
     * @return array<string, mixed>
     */
    private static function call(string $method, string $url, array $headers, string $body = ''): array
    {
        $answer = @file_get_contents($url, false, stream_context_create(['http' => [
            'method' => $method,
            'header' => $headers,
            'content' => $body,
            'timeout' => 5.0,
            'protocol_version' => 1.1,
        ]]));
        if ($answer === false) {
            throw new RuntimeException("{$method} {$url}: " . (error_get_last()['message'] ?? 'failed'));
        }

        return json_decode($answer, true, 32, JSON_THROW_ON_ERROR);
    }

    /**
     * @param array<string, mixed> $env
     */
    private static function need(array $env, string $name): string
    {
        return (string) ($env[$name] ?? '') ?: throw new RuntimeException("{$name} is not set");
    }
}
