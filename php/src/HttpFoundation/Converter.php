<?php

declare(strict_types=1);

namespace PhpWorker\HttpFoundation;

use PhpWorker\Ending;
use PhpWorker\Exchange;
use PhpWorker\OutputGuard;
use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\StreamStopped;
use PhpWorker\Superglobals\Variables;
use PhpWorker\Upload;
use Symfony\Component\HttpFoundation\File\UploadedFile;
use Symfony\Component\HttpFoundation\Request as SymfonyRequest;
use Symfony\Component\HttpFoundation\Response as SymfonyResponse;

/**
 * Between our messages and those of symfony/http-foundation, without PSR-7 in between.
 */
final class Converter
{
    /** What FileBag takes for a field without a file. */
    private const NO_FILE = ['error' => \UPLOAD_ERR_NO_FILE, 'name' => '', 'size' => 0, 'tmp_name' => '', 'type' => ''];

    private readonly string $script;

    /** @var array<class-string, bool> whether responses of this class make their content while it is sent */
    private array $streams = [];

    /**
     * @param class-string<UploadedFile> $file of uploads
     */
    public function __construct(private readonly string $file = UploadedFile::class, ?string $script = null)
    {
        $script ??= (string) ($_SERVER['SCRIPT_FILENAME'] ?? 'index.php');
        $this->script = \realpath($script) ?: $script;
    }

    public function request(Request $request): SymfonyRequest
    {
        return new SymfonyRequest(
            $request->query,
            $request->parsedBody ?? [],
            $request->attributes,
            $request->cookies === [] ? [] : Variables::cookies($request),
            $request->files === [] ? [] : $this->files($request->files),
            $request->serverVariables($this->script),
            $request->body,
        );
    }

    /**
     * The response; null where its content is made while it is sent, which {@see Converter::stream()} does.
     */
    public function response(SymfonyResponse $response): ?Response
    {
        $streams = $this->streams[$response::class] ??=
            (new \ReflectionMethod($response, 'sendContent'))->getDeclaringClass()->getName() !== SymfonyResponse::class;

        return $streams ? null : new Response($response->getStatusCode(), self::headers($response), (string) $response->getContent());
    }

    /**
     * Sends a response while it makes its content. What it prints goes out at once: where it prints
     * many small pieces, an ob_start() in it saves time.
     */
    public function stream(SymfonyResponse $response, Exchange $exchange): void
    {
        $exchange->start($response->getStatusCode(), self::headers($response));
        $open = true;
        $write = static function (string $printed) use ($exchange, &$open): string {
            $open && $exchange->write($printed);

            return '';
        };
        $below = OutputGuard::level();
        // PHP gives up a buffer whose function throws, and whatever is below it that has a function: this one has none.
        \ob_start();
        \ob_start($write, 1);
        $level = OutputGuard::level();
        // For callbacks that close every buffer before they print.
        $exchange->capture(static function (string $printed) use ($write): void {
            try {
                $write($printed);
            } catch (StreamStopped) {
                // There is nobody to be told.
            }
        });
        // What was printed before exit() PHP brings along, and the response is complete then.
        $exchange->ending = new class () implements Ending {
            public function shutDown(): void {}

            public function finish(bool $fatal): ?Response
            {
                return null;
            }
        };
        try {
            $response->sendContent();
            while (OutputGuard::level() > $level && @\ob_end_flush());
        } finally {
            $open = false;
            while (OutputGuard::level() > $below && @\ob_end_clean());
            $exchange->capture(null);
        }
    }

    /**
     * @return array<string, list<string|null>>
     */
    private static function headers(SymfonyResponse $response): array
    {
        $headers = $response->headers->allPreserveCaseWithoutCookies();
        foreach ($response->headers->getCookies() as $cookie) {
            $headers['Set-Cookie'][] = (string) $cookie;
        }

        return $headers;
    }

    /**
     * @param array<array-key, mixed> $tree
     *
     * @return array<array-key, mixed>
     */
    private function files(array $tree): array
    {
        $files = [];
        foreach ($tree as $field => $node) {
            $files[$field] = match (true) {
                !$node instanceof Upload => $this->files((array) $node),
                $node->error === \UPLOAD_ERR_NO_FILE => self::NO_FILE,
                // "test" makes it move a file that PHP itself has not received.
                default => new $this->file($node->tmpName, $node->name, $node->mime ?: null, $node->error, true),
            };
        }

        return $files;
    }
}
