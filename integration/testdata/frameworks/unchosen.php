<?php

declare(strict_types=1);

namespace Frameworks;

// What the validator of Laravel and the forms of Symfony make of file fields that were left empty: behind
// PHP-FPM as it is, in a worker of our package or with superglobals, and in one that builds the request as
// RoadRunner's packages do.

use Illuminate\Foundation\Http\Middleware\ConvertEmptyStringsToNull;
use Illuminate\Foundation\Http\Middleware\TrimStrings;
use Illuminate\Http\Request as LaravelRequest;
use Illuminate\Http\UploadedFile;
use Illuminate\Translation\ArrayLoader;
use Illuminate\Translation\Translator;
use Illuminate\Validation\Factory;
use Symfony\Component\Form\AbstractType;
use Symfony\Component\Form\Extension\Core\Type\CollectionType;
use Symfony\Component\Form\Extension\Core\Type\FileType;
use Symfony\Component\Form\Extension\Core\Type\FormType;
use Symfony\Component\Form\Extension\Core\Type\TextType;
use Symfony\Component\Form\Extension\HttpFoundation\HttpFoundationExtension;
use Symfony\Component\Form\Extension\Validator\ValidatorExtension;
use Symfony\Component\Form\FormBuilderInterface;
use Symfony\Component\Form\Forms;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Validator\Constraints\Count;
use Symfony\Component\Validator\Constraints\File;
use Symfony\Component\Validator\Constraints\NotNull;
use Symfony\Component\Validator\Validation;

require_once __DIR__ . '/../../../php/autoload.php';
require_once 'Illuminate/autoload.php';
require_once 'Symfony/Component/Form/autoload.php';
require_once 'Symfony/Component/Validator/autoload.php';

/** Names in the place of files. */
function named(mixed $data): mixed
{
    return $data instanceof \SplFileInfo ? "file {$data->getClientOriginalName()}" : (\is_array($data) ? \array_map(__FUNCTION__, $data) : $data);
}

/** One of several in a form. */
final class Attachment extends AbstractType
{
    public function buildForm(FormBuilderInterface $builder, array $options): void
    {
        $builder->add('file', FileType::class, ['data_class' => null]);
    }
}

function laravel(Request $request, string $fields): array
{
    $request = LaravelRequest::createFromBase($request);
    foreach ([new TrimStrings(), new ConvertEmptyStringsToNull()] as $middleware) {
        $request = $middleware->handle($request, static fn(LaravelRequest $request): LaravelRequest => $request);
    }
    $factory = new Factory(new Translator(new ArrayLoader(), 'en'));
    $said = ['all' => named($request->except('laravel'))];
    foreach (\explode(',', $fields) as $field) {
        foreach (['file', 'sometimes|file', 'nullable|file', 'required|file', 'array', 'nullable|array', 'sometimes|array|min:1', 'required|array', 'present'] as $rule) {
            $said[$field][$rule] = $factory->make($request->all(), [$field => $rule])->errors()->all();
        }
        $said[$field] += ['has' => $request->has($field), 'hasFile' => $request->hasFile($field), 'file()' => named($request->file($field))];
    }

    return $said;
}

function symfony(Request $request, string $name): array
{
    $forms = Forms::createFormFactoryBuilder()->addExtension(new HttpFoundationExtension())
        ->addExtension(new ValidatorExtension(Validation::createValidator()))->getFormFactory();
    $form = static fn(string $name, array $fields, mixed $data = null): FormBuilderInterface => \array_reduce(
        $fields,
        static fn(FormBuilderInterface $form, array|FormBuilderInterface $field) => \is_array($field) ? $form->add(...$field) : $form->add($field),
        $forms->createNamedBuilder($name, FormType::class, $data),
    );
    $photo = ['photo', FileType::class, ['constraints' => [new File()]]];
    $required = ['photo', FileType::class, ['constraints' => [new NotNull()]]];
    $text = ['t', TextType::class];
    $several = ['files', FileType::class, ['multiple' => true, 'constraints' => [new Count(['min' => 1])]]];
    $attachments = ['docs', CollectionType::class, ['entry_type' => Attachment::class, 'allow_add' => true, 'allow_delete' => true]];
    $built = match ($name) {
        'one' => $form('form', [$photo]),
        'required' => $form('form', [$required]),
        'text' => $form('form', [$text, $photo]),
        'two' => $form('form', [$required, ['doc', FileType::class]]),
        'several' => $form('form', [$several]),
        'below' => $form('form', [$form('a', [$form('b', [$required])])]),
        'collection' => $form('form', [$attachments]),
        'kept' => $form('form', [$attachments], ['docs' => [['file' => 'the first'], ['file' => 'the second']]]),
        'patch several' => $form('form', [['files', FileType::class, ['multiple' => true]]], ['files' => ['an old one']])->setMethod('PATCH'),
        'patch' => $form('form', [['photo', FileType::class, ['data_class' => null]], $text], ['photo' => 'the old one'])->setMethod('PATCH'),
        'unnamed' => $form('', [$photo, $text]),
        'unnamed below' => $form('', [$form('a', [$required])]),
        'unnamed several' => $form('', [$several]),
        'photo' => $forms->createNamedBuilder('photo', FileType::class),
        'photos' => $forms->createNamedBuilder('photos', FileType::class, null, ['multiple' => true]),
    };
    $request->setMethod($built->getMethod()); // the field _method says it
    $submitted = $built->getForm()->handleRequest($request);
    $errors = [];
    foreach ($submitted->getErrors(true) as $error) {
        $errors[] = "{$error->getOrigin()->getName()}: {$error->getMessage()}";
    }

    return ['submitted' => $submitted->isSubmitted(), 'data' => named($submitted->getData()), 'errors' => $errors];
}

/** What is told of the field at each step of its path, in every way that the leaves have, and nothing at all. */
function encodings(array $path, array $leaves): array
{
    $all = [[]];
    foreach (\array_keys($path) as $depth) {
        foreach ($leaves as $leaf) {
            $all[] = \array_reduce(\array_reverse(\array_slice($path, 0, $depth + 1)), static fn(mixed $below, string $key): array => [$key => $below], $leaf);
        }
    }

    return $all;
}

/**
 * The ways to tell of the file field of this request, one that was left empty, in which RoadRunner's packages would
 * have both frameworks answer as now, and how many there are for each of them: those packages can carry JSON as values, and arrays and files as uploads.
 */
function suitable(Request $request, string $field): array
{
    $path = \preg_split('/[][]+/', $field, -1, \PREG_SPLIT_NO_EMPTY);
    $file = static fn(int $error): array => ['name' => '', 'mime' => '', 'size' => 0, 'error' => $error, 'tmpName' => $error === 0 ? __FILE__ : ''];
    $symfony = static fn(Request $asked): array => symfony($asked, $request->query->get('symfony'));
    $laravel = static fn(Request $asked): array => laravel($asked->duplicate([]), $request->query->get('laravel'));
    $behindFPM = [$symfony(clone $request), $laravel(clone $request)];
    $suitable = ['symfony' => 0, 'laravel' => 0, 'both' => []];
    foreach (encodings($path, [null, '', 'text', false, 0, []]) as $values) {
        foreach (encodings($path, [[], ...\array_map($file, [0, 1, 2, 3, 4, 6, 7, 8])]) as $uploads) {
            $asked = new Request([], \array_replace_recursive($request->request->all(), $values), [], [], uploads($uploads), ['REQUEST_METHOD' => 'POST']);
            $as = static function (callable $framework, array $answer) use ($asked): bool {
                try {
                    return $framework(clone $asked) === $answer;
                } catch (\Throwable) {
                    return false;
                }
            };
            [$one, $other] = [$as($symfony, $behindFPM[0]), $as($laravel, $behindFPM[1])];
            $suitable['symfony'] += (int) $one;
            $suitable['laravel'] += (int) $other;
            if ($one && $other) {
                $suitable['both'][] = ['values' => $values, 'uploads' => $uploads];
            }
        }
    }

    return $suitable;
}

function answer(Request $request): string
{
    $query = $request->query;

    return (string) \json_encode(match (true) {
        $query->has('suitable') => suitable($request, $query->get('suitable')),
        $query->has('files') => named($request->files->all()),
        $query->has('laravel') => laravel($request, $query->get('laravel')),
        default => symfony($request, $query->get('symfony')),
    });
}

/** As PSR7Worker of spiral/roadrunner-http, and behind it symfony/psr-http-message-bridge, read the uploads. */
function uploads(array $tree): array
{
    return \array_map(static fn(array $file): mixed => isset($file['name'])
        ? new UploadedFile($file['tmpName'], $file['name'], $file['mime'], $file['error'], true) : uploads($file), $tree);
}

switch (\getenv('RR_RELAY') === false ? '' : \getenv('SERVES')) {
    case 'packages':
        require_once \getenv('PHP_VENDOR_DIR') . '/vendor/autoload.php';
        $http = new \Spiral\RoadRunner\Http\HttpWorker(\Spiral\RoadRunner\Worker::create());
        while (($got = $http->waitRequest()) !== null) {
            \parse_str((string) \parse_url($got->uri, \PHP_URL_QUERY), $query);
            $form = $got->parsed ? \json_decode($got->body, true, 512, \JSON_THROW_ON_ERROR) : [];
            $http->respond(200, answer(new Request($query, $form, [], [], uploads($got->uploads), ['REQUEST_METHOD' => $got->method])));
        }
        break;
    case 'ours':
        $converter = new \PhpWorker\HttpFoundation\Converter(UploadedFile::class);
        \PhpWorker\Worker::create()->run(static fn(\PhpWorker\Request $request): string => answer($converter->request($request)));
        break;
    case 'superglobals':
        \PhpWorker\Worker::create()->run(new \PhpWorker\Superglobals\FrontController(static function (): void {
            echo answer(Request::createFromGlobals());
        }));
        break;
    default:
        echo answer(Request::createFromGlobals());
}
